//! Where clients on the server's own host find it: a file in the store's directory. A file that a dead
//! server left must not send a token to whoever has its port now, so the file counts only while the
//! process that it names has the store open.

use std::path::{Path, PathBuf};

use super::access::{dir, read, write_secret};
use crate::error::ServeError;
use crate::store::Store;

const FILE: &str = "address";

/// The published address; withdrawn when dropped.
pub(in crate::app) struct Published(PathBuf);

impl Published {
    /// Publishes the address of this process.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(in crate::app) fn new(store: &Path, url: &str) -> Result<Self, ServeError> {
        let path = dir(store).join(FILE);
        write_secret(&path, &format!("{} {url}", std::process::id()))?;
        Ok(Self(path))
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        // A file that stays names a process that has ended.
        drop(std::fs::remove_file(&self.0));
    }
}

/// The address of the server that has this store open.
pub(super) fn of_store(store: &Path) -> Option<String> {
    let text = read(&dir(store).join(FILE)).ok()?;
    let (pid, url) = text.trim().split_once(' ')?;
    let holder = Store::holder(store)?;
    (pid.parse() == Ok(holder)).then(|| url.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_counts_only_while_its_process_has_the_store() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path();
        std::fs::create_dir(dir(path)).unwrap();
        let published = Published::new(path, "http://127.0.0.1:7").unwrap();
        assert_eq!(of_store(path), None, "nobody has the store open");
        let store = Store::open(path).unwrap();
        assert_eq!(of_store(path).as_deref(), Some("http://127.0.0.1:7"));
        write_secret(&dir(path).join(FILE), "1 http://127.0.0.1:7").unwrap();
        assert_eq!(of_store(path), None, "another process has it open");
        drop(published);
        assert!(!dir(path).join(FILE).exists());
        drop(store);
    }
}
