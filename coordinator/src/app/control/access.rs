//! Who may do what: each token has a role, and a role includes those below it. Owns the files of the
//! tokens; must not know the calls.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use contract::credentials::Token;
use contract::files;
use subtle::ConstantTimeEq;

use super::super::serve::fresh_token;
use crate::error::ServeError;

/// Directory of the tokens within the store's.
const DIR: &str = "control";
/// Greatest length of a token's file, bytes.
const MOST: u64 = 4096;

/// What a token allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::app) enum Role {
    /// To look.
    Read,
    /// Also to submit and cancel jobs.
    Submit,
    /// Also to change schedules.
    Administer,
}

impl Role {
    pub(super) const ALL: [Self; 3] = [Self::Read, Self::Submit, Self::Administer];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Submit => "submit",
            Self::Administer => "administer",
        }
    }
}

/// The tokens of a server.
#[derive(Clone, Debug)]
pub(in crate::app) struct Access(Vec<(Role, Token)>);

impl Access {
    /// The tokens in the store's directory; missing ones are made.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub(in crate::app) fn of_store(store: &Path) -> Result<Self, ServeError> {
        let dir = dir(store);
        let made = fs::DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(&dir);
        made.map_err(|source| failed(&dir, source))?;
        let each = Role::ALL.map(|role| {
            let path = dir.join(role.name());
            if !path.exists() {
                write_secret(&path, fresh_token().expose())?;
            }
            Ok((role, token(&path)?))
        });
        Ok(Self(each.into_iter().collect::<Result<_, _>>()?))
    }

    /// The role of a token. All tokens are compared, in time that depends only on the lengths.
    pub(super) fn role(&self, token: &str) -> Option<Role> {
        let same = |own: &Token| bool::from(own.expose().as_bytes().ct_eq(token.as_bytes()));
        let roles = self.0.iter().map(|(role, own)| same(own).then_some(*role));
        roles.fold(None, |best, role| best.max(role))
    }
}

/// The strongest token that this user can read.
pub(super) fn strongest(store: &Path) -> Option<Token> {
    let mut roles = Role::ALL.into_iter().rev();
    roles.find_map(|role| token(&dir(store).join(role.name())).ok())
}

/// The directory of tokens and address.
pub(super) fn dir(store: &Path) -> PathBuf {
    store.join(DIR)
}

/// Writes a file that only its owner can read.
pub(super) fn write_secret(path: &Path, text: &str) -> Result<(), ServeError> {
    let temporary = path.with_added_extension("tmp");
    // A crash may have left one.
    drop(fs::remove_file(&temporary));
    let write = || {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)?;
        writeln!(file, "{text}")?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|source| failed(path, source))
}

/// A short text file.
pub(super) fn read(path: &Path) -> Result<String, ServeError> {
    files::read_text(path, MOST).map_err(|source| failed(path, source))
}

fn token(path: &Path) -> Result<Token, ServeError> {
    let empty = || std::io::Error::new(std::io::ErrorKind::InvalidData, "there is no token in it");
    Token::from_variable(Some(read(path)?)).ok_or_else(|| failed(path, empty()))
}

fn failed(path: &Path, source: std::io::Error) -> ServeError {
    ServeError::File {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn every_role_has_a_token_of_its_own_that_others_cannot_read() {
        let store = tempfile::tempdir().unwrap();
        let access = Access::of_store(store.path()).unwrap();
        for role in Role::ALL {
            let path = dir(store.path()).join(role.name());
            assert_eq!(
                fs::metadata(&path).unwrap().permissions().mode() & 0o777,
                0o600
            );
            let own = token(&path).unwrap();
            assert_eq!(access.role(own.expose()), Some(role));
            let mut other = own.expose().to_owned();
            other.push('0');
            assert_eq!(access.role(&other), None);
        }
        assert_eq!(access.role(""), None);
        let strongest = strongest(store.path()).unwrap();
        assert_eq!(access.role(strongest.expose()), Some(Role::Administer));
        // A restart keeps them.
        let again = Access::of_store(store.path()).unwrap();
        assert_eq!(again.role(strongest.expose()), Some(Role::Administer));
        assert!(Role::Read < Role::Submit && Role::Submit < Role::Administer);
    }

    #[test]
    fn an_empty_token_is_refused() {
        let store = tempfile::tempdir().unwrap();
        fs::create_dir(dir(store.path())).unwrap();
        fs::write(dir(store.path()).join("read"), "\n").unwrap();
        let error = Access::of_store(store.path()).unwrap_err();
        assert!(error.to_string().contains("no token"), "{error}");
    }
}
