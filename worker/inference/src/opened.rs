//! Opens files of a model by a name that a user gave: only regular files, and with a size limit if
//! they are read as a whole. Reading a pipe could block for ever, and a device could fill the
//! memory. Must not know their content.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Greatest size of a tokenizer file, bytes: one of 256,000 tokens has about 40 MB.
pub(crate) const TOKENIZER: u64 = 256 << 20;
/// Greatest size of a configuration, or of an index of shards, which has a line for each tensor,
/// bytes.
pub(crate) const JSON: u64 = 64 << 20;

/// Opens a regular file for reading; never blocks on a pipe.
pub(crate) fn regular(path: &Path) -> io::Result<File> {
    // With this flag a pipe opens at once and is then recognised; regular files ignore the flag.
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

/// The bytes of a regular file, at most `most`.
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
