//! The credentials of a fleet: the shared [`Token`] and the [`Credentials`] of mutual TLS, with the
//! names of their files. Their `Debug` output never shows them. Must not know who checks them, nor
//! how.

use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::files;

/// Greatest size of a credentials file, bytes: enough for many authorities, and far more than any
/// key.
const MOST: u64 = 1 << 20;

/// The secret shared by the whole fleet.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(String);

/// One party's certificate and key, and the authorities it trusts. All PEM.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// Certificates of the trusted authorities; several during a rotation.
    pub authority: String,
    /// This party's certificate.
    pub certificate: String,
    /// Its private key.
    pub key: String,
}

/// Everything that a party must keep secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secrets {
    /// Shared by the whole fleet.
    pub token: Token,
    /// For TLS; `None` on loopback, through an encrypted tunnel, and with `--insecure`.
    pub credentials: Option<Credentials>,
}

/// A file of a party's directory cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("read {}: {source}; `coordinator certs init` writes such directories", path.display())]
pub struct CredentialsError {
    /// The file.
    pub path: PathBuf,
    /// The system's error.
    pub source: std::io::Error,
}

/// The environment variable with the token. Never an argument, because arguments are visible to
/// every user of a host.
pub const TOKEN_VARIABLE: &str = "PGO_BENCH_TOKEN";
const AUTHORITY_VARIABLE: &str = "PGO_BENCH_TLS_CA";
const CERTIFICATE_VARIABLE: &str = "PGO_BENCH_TLS_CERT";
const KEY_VARIABLE: &str = "PGO_BENCH_TLS_KEY";

/// The authority's certificates in a party's directory.
pub const AUTHORITY_FILE: &str = "ca.pem";
/// The certificate in a party's directory.
pub const CERTIFICATE_FILE: &str = "cert.pem";
/// The private key in a party's directory.
pub const KEY_FILE: &str = "key.pem";
/// The token in a party's directory.
pub const TOKEN_FILE: &str = "token";
/// The previous token in the coordinator's directory, for parties that have no other yet.
pub const PREVIOUS_TOKEN_FILE: &str = "token.previous";

impl Token {
    /// A token of this text, without surrounding white space.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// The previous token, if the party's directory has it.
    #[must_use]
    pub fn read_previous(directory: &Path) -> Option<Self> {
        Self::from_variable(file(directory, PREVIOUS_TOKEN_FILE).ok())
    }

    /// The token from an environment variable; an empty variable counts as unset.
    #[must_use]
    pub fn from_variable(variable: Option<String>) -> Option<Self> {
        variable
            .map(|text| Self::new(&text))
            .filter(|token| !token.0.is_empty())
    }

    /// The secret itself, for sending, an environment or a comparison.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The token of a party's directory.
    ///
    /// # Errors
    /// When its file cannot be read or is empty, because everybody knows the empty token.
    pub fn read(directory: &Path) -> Result<Self, CredentialsError> {
        let text = file(directory, TOKEN_FILE)?;
        Self::from_variable(Some(text)).ok_or_else(|| CredentialsError {
            path: directory.join(TOKEN_FILE),
            source: std::io::Error::new(std::io::ErrorKind::InvalidData, "there is no token in it"),
        })
    }
}

impl Credentials {
    /// The credentials in a party's directory.
    ///
    /// # Errors
    /// When one of the files cannot be read.
    pub fn read(directory: &Path) -> Result<Self, CredentialsError> {
        Ok(Self {
            authority: file(directory, AUTHORITY_FILE)?,
            certificate: file(directory, CERTIFICATE_FILE)?,
            key: file(directory, KEY_FILE)?,
        })
    }
}

impl Secrets {
    /// As environment variables.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let mut variables = vec![(TOKEN_VARIABLE, self.token.expose())];
        if let Some(Credentials {
            authority,
            certificate,
            key,
        }) = &self.credentials
        {
            variables.extend([
                (AUTHORITY_VARIABLE, authority.as_str()),
                (CERTIFICATE_VARIABLE, certificate),
                (KEY_VARIABLE, key),
            ]);
        }
        variables
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect()
    }

    /// From environment variables, or the name of the first that is missing.
    ///
    /// # Errors
    /// When one is missing; only those of TLS may be missing, all together.
    pub fn from_env(variable: impl Fn(&str) -> Option<String>) -> Result<Self, &'static str> {
        let get = |name| variable(name).ok_or(name);
        let credentials = match variable(AUTHORITY_VARIABLE) {
            Some(authority) => {
                let (certificate, key) = (get(CERTIFICATE_VARIABLE)?, get(KEY_VARIABLE)?);
                Some(Credentials {
                    authority,
                    certificate,
                    key,
                })
            }
            None => None,
        };
        let token = Token::from_variable(variable(TOKEN_VARIABLE)).ok_or(TOKEN_VARIABLE)?;
        Ok(Self { token, credentials })
    }

    /// A party's whole directory.
    ///
    /// # Errors
    /// When one of its files cannot be read.
    pub fn read(directory: &Path) -> Result<Self, CredentialsError> {
        Ok(Self {
            token: Token::read(directory)?,
            credentials: Some(Credentials::read(directory)?),
        })
    }
}

/// The secret files of a party's directory that users other than the owner can read: everybody, or
/// the group if the owner is this user. If another user owns a file, group access is taken to be
/// intended, because it is how this user reads it.
#[must_use]
pub fn exposed(directory: &Path) -> Vec<PathBuf> {
    let own = std::fs::metadata("/proc/self").map(|own| own.uid()).ok();
    let is_open = |path: &PathBuf| {
        let Ok(facts) = std::fs::metadata(path) else {
            return false;
        };
        let others = if own == Some(facts.uid()) {
            0o077
        } else {
            0o007
        };
        facts.mode() & others != 0
    };
    let names = [KEY_FILE, TOKEN_FILE, PREVIOUS_TOKEN_FILE];
    names
        .into_iter()
        .map(|name| directory.join(name))
        .filter(is_open)
        .collect()
}

fn file(directory: &Path, name: &str) -> Result<String, CredentialsError> {
    let path = directory.join(name);
    files::read_text(&path, MOST).map_err(|source| CredentialsError { path, source })
}

impl From<&str> for Token {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_must_not_be_seen_is_not_shown() {
        let secret = "s3cret";
        let credentials = Credentials {
            authority: secret.into(),
            certificate: secret.into(),
            key: secret.into(),
        };
        assert!(!format!("{:?} {credentials:?}", Token::new(secret)).contains(secret));
    }

    #[test]
    fn nothing_is_no_token() {
        let given = |text: &str| Token::from_variable(Some(text.to_owned()));
        assert_eq!(
            (given(""), given(" \n"), Token::from_variable(None)),
            (None, None, None)
        );
        assert_eq!(given(" t\n"), Some(Token::new("t")));
        assert_eq!(
            Secrets::from_env(|_| Some(String::new())),
            Err(TOKEN_VARIABLE)
        );
        let dir = std::env::temp_dir().join(format!("no-token-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("temporary directory");
        std::fs::write(dir.join(TOKEN_FILE), "\n").expect("written");
        let error = Token::read(&dir).expect_err("it is empty").to_string();
        std::fs::remove_dir_all(&dir).expect("removed");
        assert!(error.contains("no token in it"), "{error}");
    }

    #[test]
    fn secrets_that_others_can_read_are_named() {
        use std::os::unix::fs::PermissionsExt;
        let dir = std::env::temp_dir().join(format!("exposed-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("temporary directory");
        let set = |name: &str, mode| {
            std::fs::write(dir.join(name), "x").expect("written");
            std::fs::set_permissions(dir.join(name), std::fs::Permissions::from_mode(mode))
                .expect("set");
        };
        set(CERTIFICATE_FILE, 0o644);
        set(KEY_FILE, 0o600);
        set(TOKEN_FILE, 0o400);
        assert!(
            exposed(&dir).is_empty(),
            "certificates are public, and the rest is ours alone"
        );
        for open in [0o604, 0o640, 0o602] {
            set(KEY_FILE, open);
            assert_eq!(exposed(&dir), [dir.join(KEY_FILE)], "{open:o}");
        }
        std::fs::remove_dir_all(&dir).expect("removed");
    }

    #[test]
    fn a_directory_that_lacks_a_file_is_named_with_the_way_out() {
        let error =
            Credentials::read(Path::new("/nowhere")).expect_err("there is no such directory");
        assert!(
            error.to_string().starts_with("read /nowhere/ca.pem: "),
            "{error}"
        );
        assert!(error.to_string().contains("certs init"), "{error}");
    }
}
