//! Opens files that users name: only regular files, up to a size limit. Reading a pipe could block
//! for ever, and a device could fill the memory. Must not know their content.

use std::fs::{File, FileType, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

/// Greatest size of a text that a program wrote (a manifest, a list of sources, a record beside a
/// profile), bytes.
pub const TEXT: u64 = 64 << 20;
/// Greatest size of a program, bytes.
pub const PROGRAM: u64 = 2 << 30;

/// Bytes by which the type of a file is recognised.
const HEAD: u64 = 4096;

/// Why an existing file is not used; the source of the [`io::Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Not a regular file.
    #[error("it is a {0}, and only regular files are read here")]
    Kind(&'static str),
    /// The destination of a write is not a regular file.
    #[error("it is a {0}, and no file takes its place")]
    Place(&'static str),
    /// A file that this program did not write.
    #[error("there is a file already that this program did not write")]
    Foreign,
    /// Larger than the limit.
    #[error("it is larger than {0} bytes, the limit for such a file")]
    Large(u64),
}

/// Opens a regular file for reading; never blocks on a pipe.
///
/// # Errors
/// When the system refuses, or it is not a regular file: [`Unfit`].
pub fn open(path: &Path) -> io::Result<File> {
    // With this flag a pipe opens at once and is then recognised; regular files ignore the flag.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open(path)?;
    match irregular(file.metadata()?.file_type()) {
        None => Ok(file),
        Some(name) => Err(unfit(Unfit::Kind(name))),
    }
}

/// Describes what is not a regular file.
fn irregular(kind: FileType) -> Option<&'static str> {
    match kind {
        kind if kind.is_file() => None,
        kind if kind.is_dir() => Some("directory"),
        kind if kind.is_fifo() => Some("pipe"),
        kind if kind.is_socket() => Some("socket"),
        _ => Some("device"),
    }
}

fn unfit(why: Unfit) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

/// Whether a new file may be renamed to this name: the name is free, or a regular file. Replacing a
/// device would remove it for every program.
///
/// # Errors
/// When the name is something else: [`Unfit::Place`].
pub fn takes_a_file(path: &Path) -> io::Result<()> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        there => {
            irregular(there?.file_type()).map_or(Ok(()), |name| Err(unfit(Unfit::Place(name))))
        }
    }
}

/// The bytes of a regular file, at most `most`.
///
/// # Errors
/// When it cannot be read, is not a regular file, or is larger.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let large = || io::Error::new(io::ErrorKind::FileTooLarge, Unfit::Large(most));
    let told = file.metadata()?.len();
    if told > most {
        return Err(large());
    }
    // A file may grow while it is read, and files in /proc report no length.
    let mut bytes = Vec::with_capacity(usize::try_from(told).unwrap_or(0));
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        Err(large())
    } else {
        Ok(bytes)
    }
}

/// Whether a file may be written at this path: nothing exists there, the file is empty, or its
/// beginning shows that this program wrote it.
///
/// # Errors
/// When something else is there, or it cannot be read: [`Unfit`].
pub fn replaceable(path: &Path, is_ours: impl FnOnce(&[u8]) -> bool) -> io::Result<()> {
    let file = match open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        file => file?,
    };
    let mut head = Vec::new();
    file.take(HEAD).read_to_end(&mut head)?;
    if head.is_empty() || is_ours(&head) {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, Unfit::Foreign))
}

/// The text of a regular file, at most `most` bytes.
///
/// # Errors
/// As [`read`], and when it is not UTF-8.
pub fn read_text(path: &Path, most: u64) -> io::Result<String> {
    String::from_utf8(read(path, most)?).map_err(|_| {
        io::Error::new(
            io::ErrorKind::InvalidData,
            "stream did not contain valid UTF-8",
        )
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    fn why(path: &Path) -> Option<Unfit> {
        read(path, 4)
            .expect_err("unfit")
            .get_ref()?
            .downcast_ref()
            .copied()
    }

    #[test]
    fn a_file_of_somebody_else_is_not_replaced() {
        let path = std::env::temp_dir().join(format!("contract-replaced-{}", std::process::id()));
        let ours = |head: &[u8]| head.starts_with(b"ours");
        assert!(replaceable(&path, ours).is_ok(), "nothing is there");
        for (text, may) in [("", true), ("ours and more", true), ("my thesis", false)] {
            std::fs::write(&path, text).expect("written");
            assert_eq!(replaceable(&path, ours).is_ok(), may, "{text}");
        }
        std::fs::remove_file(&path).expect("removed");
        assert!(replaceable(Path::new("/dev/null"), ours).is_err());
    }

    #[test]
    fn only_regular_files_of_a_bounded_length_are_read_and_nothing_is_waited_for() {
        let dir = std::env::temp_dir().join(format!("contract-files-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("temporary directory");
        let path = |name: &str| dir.join(name);
        std::fs::write(path("four"), "four").expect("written");
        std::fs::write(path("fives"), "fives").expect("written");
        std::os::unix::fs::symlink("four", path("link")).expect("linked");
        let made = std::process::Command::new("mkfifo")
            .arg(path("pipe"))
            .status()
            .expect("there is mkfifo");
        assert!(made.success());
        let _socket = UnixListener::bind(path("socket")).expect("bound");
        assert_eq!(read(&path("four"), 4).expect("fits"), b"four");
        assert_eq!(
            read_text(&path("link"), 4).expect("a link to a file is one"),
            "four"
        );
        assert_eq!(why(&path("fives")), Some(Unfit::Large(4)));
        assert_eq!(why(&path("pipe")), Some(Unfit::Kind("pipe")));
        assert_eq!(why(&dir), Some(Unfit::Kind("directory")));
        assert_eq!(why(Path::new("/dev/zero")), Some(Unfit::Kind("device")));
        assert_eq!(
            why(&path("socket")),
            None,
            "the system itself refuses to open one"
        );
        assert_eq!(
            why(Path::new("/proc/self/status")),
            Some(Unfit::Large(4)),
            "its length is told as 0"
        );
        assert_eq!(
            read(&path("none"), 4).expect_err("nothing").kind(),
            io::ErrorKind::NotFound
        );
        std::fs::remove_dir_all(&dir).expect("removed");
    }
}
