//! Files of a model, opened by a name that somebody gave: regular ones only, and those that are
//! read whole no longer than such files are. A pipe would be waited for without end, a device would
//! fill the memory. Must not know what is in them.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Bytes of a tokenizer's file at most: those of 256,000 tokens have some 40 MB.
pub(crate) const TOKENIZER: u64 = 256 << 20;
/// Bytes of a configuration at most, and of an index of shards, which has a line a tensor.
pub(crate) const JSON: u64 = 64 << 20;

/// Opens a regular file for reading; never waits for the other end of a pipe.
pub(crate) fn regular(path: &Path) -> io::Result<File> {
    // A pipe opens at once so, and is then seen for what it is; regular files do not know the flag.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open(path)?;
    if file.metadata()?.file_type().is_file() {
        return Ok(file);
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        "it is no regular file",
    ))
}

/// The bytes of a regular file, `most` at most.
pub(crate) fn bytes(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let (mut file, mut bytes) = (regular(path)?.take(most.saturating_add(1)), Vec::new());
    file.read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most {
        let text = format!("it is larger than {most} bytes, the most that are read of such a file");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_of_a_bounded_length_are_read_and_nothing_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        std::fs::write(path("four"), "four").unwrap();
        assert_eq!(bytes(&path("four"), 4).unwrap(), b"four");
        assert_eq!(
            bytes(&path("four"), 3).unwrap_err().kind(),
            io::ErrorKind::FileTooLarge
        );
        for unfit in [dir.path().to_owned(), "/dev/zero".into()] {
            assert_eq!(
                bytes(&unfit, 4).unwrap_err().kind(),
                io::ErrorKind::InvalidInput,
                "{unfit:?}"
            );
        }
    }
}
