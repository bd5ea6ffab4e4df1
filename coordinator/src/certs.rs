//! The fleet's certificate authority: creates it, issues certificates, and rotates it without
//! interrupting trust. On rotation the coordinator changes over first and accepts old agents until
//! the next rotation. Every party gets a directory with exactly what it needs. Must not know how
//! certificates are checked.
//!
//! ```text
//! DIR/authority/  ca.pem  key.pem token names [key.previous token.previous]     stays where runs are started
//! DIR/coordinator/ ca.pem cert.pem key.pem token [token.previous]
//! DIR/agent/       ca.pem cert.pem key.pem token     goes to every host
//! ```

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use contract::credentials::{
    AUTHORITY_FILE, CERTIFICATE_FILE, KEY_FILE, PREVIOUS_TOKEN_FILE, TOKEN_FILE,
};
use contract::files;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use time::{Duration, OffsetDateTime};

/// Name of the serving party.
pub const COORDINATOR: &str = "coordinator";
/// Name of the connecting party: agents, and the workers that they start.
pub const AGENT: &str = "agent";
const AUTHORITY: &str = "authority";
/// Key of the previous authority.
const PREVIOUS_KEY_FILE: &str = "key.previous";
/// Names under which the coordinator is reached, one on each line.
const NAMES_FILE: &str = "names";

/// Validity of an authority, days.
const AUTHORITY_DAYS: i64 = 3650;
/// Validity of a party's certificate, days.
const PARTY_DAYS: i64 = 397;
/// Certificates are valid from slightly before now, because the clocks of hosts differ.
const SLACK: Duration = Duration::days(1);

/// Why certificates could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum CertsError {
    /// A file or directory could not be accessed.
    #[error("write or read {}: {source}", path.display())]
    File {
        /// The certificate, key or directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The directory already has an authority.
    #[error("make an authority in {}: one exists already; `certs rotate` replaces \
             certificates", path.display())]
    Exists {
        /// The directory.
        path: PathBuf,
    },
    /// The name would lead out of the directory.
    #[error(
        "issue a certificate for `{name}`: a name of letters, digits, `-` and `_` is expected, and not `authority`"
    )]
    Name {
        /// As given.
        name: String,
    },
    /// A certificate could not be made.
    #[error("make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
}

/// A directory with an authority.
#[derive(Debug)]
pub struct Authority {
    dir: PathBuf,
    key: KeyPair,
    previous: Option<Previous>,
    /// Its certificate and, after a rotation, that of the previous authority.
    pem: String,
    token: String,
}

/// The previous authority. Parties that have not changed over trust only it.
#[derive(Debug)]
struct Previous {
    key: KeyPair,
    token: String,
}

impl Authority {
    /// Creates an authority, with directories for agents and for the coordinator, which is
    /// reachable under these names.
    ///
    /// # Errors
    /// When there is one already, or files cannot be written.
    pub fn init(dir: &Path, names: &[String], token: &str) -> Result<Self, CertsError> {
        if dir.join(AUTHORITY).exists() {
            return Err(CertsError::Exists {
                path: dir.to_owned(),
            });
        }
        let key = KeyPair::generate()?;
        let pem = params(AUTHORITY, &[], AUTHORITY_DAYS)?
            .self_signed(&key)?
            .pem();
        let authority = Self {
            dir: dir.to_owned(),
            key,
            previous: None,
            pem,
            token: token.to_owned(),
        };
        authority.save()?;
        authority.issue(COORDINATOR, names)?;
        authority.issue(AGENT, &[])?;
        Ok(authority)
    }

    /// Reads an authority.
    ///
    /// # Errors
    /// When its files cannot be read.
    pub fn open(dir: &Path) -> Result<Self, CertsError> {
        let home = dir.join(AUTHORITY);
        let key = KeyPair::from_pem(&read(&home.join(KEY_FILE))?)?;
        let pem = read(&home.join(AUTHORITY_FILE))?;
        let token = read(&home.join(TOKEN_FILE))?;
        let previous = match home.join(PREVIOUS_KEY_FILE) {
            path if path.exists() => {
                let token = read(&home.join(PREVIOUS_TOKEN_FILE))?;
                Some(Previous {
                    key: KeyPair::from_pem(&read(&path)?)?,
                    token,
                })
            }
            _ => None,
        };
        Ok(Self {
            dir: dir.to_owned(),
            key,
            previous,
            pem,
            token,
        })
    }

    /// The names under which the coordinator was last said to be reached.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let names = read(&self.dir.join(AUTHORITY).join(NAMES_FILE)).unwrap_or_default();
        names.lines().map(str::to_owned).collect()
    }

    /// Writes a party's directory, reachable under these names; an existing one is replaced.
    ///
    /// # Errors
    /// When the name is not allowed, or files cannot be written.
    pub fn issue(&self, party: &str, names: &[String]) -> Result<PathBuf, CertsError> {
        let fits = !party.is_empty()
            && party != AUTHORITY
            && party
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        if !fits {
            return Err(CertsError::Name {
                name: party.to_owned(),
            });
        }
        let here = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let mut all: Vec<String> = if party == COORDINATOR {
            here.to_vec()
        } else {
            vec![party.to_owned()]
        };
        all.extend(names.iter().filter(|name| !here.contains(name)).cloned());
        // A party that has changed over trusts the previous authority as well; one that has not
        // trusts no other.
        let voucher = self.previous.as_ref().filter(|_| party == COORDINATOR);
        let signer = voucher.map_or(&self.key, |previous| &previous.key);
        let issuer = Issuer::new(params(AUTHORITY, &[], AUTHORITY_DAYS)?, signer);
        let key = KeyPair::generate()?;
        let certificate = params(party, &all, PARTY_DAYS)?
            .signed_by(&key, &issuer)?
            .pem();
        let home = self.dir.join(party);
        directory(&home)?;
        write(&home.join(AUTHORITY_FILE), &self.pem)?;
        write(&home.join(CERTIFICATE_FILE), &certificate)?;
        write(&home.join(KEY_FILE), &key.serialize_pem())?;
        write(&home.join(TOKEN_FILE), &self.token)?;
        if let Some(previous) = voucher {
            write(&home.join(PREVIOUS_TOKEN_FILE), &previous.token)?;
        }
        if party == COORDINATOR {
            write(
                &self.dir.join(AUTHORITY).join(NAMES_FILE),
                &names.join("\n"),
            )?;
        }
        Ok(home)
    }

    /// Creates a new authority and a new token. The coordinator changes over first: until the next
    /// rotation it presents a certificate of the old authority, and also accepts certificates and
    /// tokens of the old one, so that agents can follow one after the other.
    ///
    /// # Errors
    /// When files cannot be written.
    pub fn rotate(self, token: &str) -> Result<Self, CertsError> {
        let key = KeyPair::generate()?;
        let new = params(AUTHORITY, &[], AUTHORITY_DAYS)?
            .self_signed(&key)?
            .pem();
        // Only the last of the old authorities is kept.
        let end = "-----END CERTIFICATE-----\n";
        let last = self.pem.split_inclusive(end).next().unwrap_or_default();
        let previous = Some(Previous {
            key: self.key,
            token: self.token,
        });
        let pem = format!("{new}{last}");
        let rotated = Self {
            dir: self.dir,
            key,
            previous,
            pem,
            token: token.to_owned(),
        };
        rotated.save()?;
        Ok(rotated)
    }

    /// The shared secret.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    fn save(&self) -> Result<(), CertsError> {
        let home = self.dir.join(AUTHORITY);
        directory(&home)?;
        write(&home.join(KEY_FILE), &self.key.serialize_pem())?;
        write(&home.join(AUTHORITY_FILE), &self.pem)?;
        if let Some(previous) = &self.previous {
            write(&home.join(PREVIOUS_KEY_FILE), &previous.key.serialize_pem())?;
            write(&home.join(PREVIOUS_TOKEN_FILE), &previous.token)?;
        }
        write(&home.join(TOKEN_FILE), &self.token)
    }
}

fn params(name: &str, reachable: &[String], days: i64) -> Result<CertificateParams, CertsError> {
    let mut params = CertificateParams::new(reachable)?;
    params
        .distinguished_name
        .push(DnType::CommonName, format!("pgo-benchmarks {name}"));
    params.not_before = OffsetDateTime::now_utc() - SLACK;
    params.not_after = OffsetDateTime::now_utc() + Duration::days(days);
    if name == AUTHORITY {
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    } else {
        let purpose = if name == COORDINATOR {
            ExtendedKeyUsagePurpose::ServerAuth
        } else {
            ExtendedKeyUsagePurpose::ClientAuth
        };
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![purpose];
    }
    Ok(params)
}

/// Creates a directory that only its owner can access.
fn directory(path: &Path) -> Result<(), CertsError> {
    let made = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path);
    made.map_err(|source| CertsError::File {
        path: path.to_owned(),
        source,
    })
}

/// Writes a file atomically, accessible only to its owner.
fn write(path: &Path, text: &str) -> Result<(), CertsError> {
    let failed = |source| CertsError::File {
        path: path.to_owned(),
        source,
    };
    let new = path.with_extension("new");
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)
        .map_err(failed)?;
    file.write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(failed)?;
    fs::rename(&new, path).map_err(failed)
}

fn read(path: &Path) -> Result<String, CertsError> {
    files::read_text(path, files::TEXT).map_err(|source| CertsError::File {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use contract::credentials::{Secrets, Token};

    use super::*;
    use crate::fleet::session::acceptor;

    #[test]
    fn parties_get_what_they_need_for_their_eyes_only() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let authority = Authority::init(dir.path(), &["10.0.0.1".into()], "t").expect("made");
        authority.issue("rack-7", &[]).expect("issued");
        for party in [COORDINATOR, AGENT, "rack-7"] {
            let secrets = Secrets::read(&dir.path().join(party)).expect("complete");
            assert_eq!(secrets.token.expose(), "t");
            acceptor(&secrets.credentials.expect("there"))
                .expect("certificate and key fit together");
            let mode = fs::metadata(dir.path().join(party).join(KEY_FILE))
                .expect("there")
                .permissions()
                .mode();
            assert_eq!(mode & 0o077, 0, "{party}");
        }
        assert!(
            Authority::init(dir.path(), &[], "t").is_err(),
            "nothing is overwritten"
        );
        for wrong in ["", "authority", "../x"] {
            assert!(
                matches!(authority.issue(wrong, &[]), Err(CertsError::Name { .. })),
                "{wrong:?}"
            );
        }
    }

    #[test]
    fn who_is_rotated_trusts_the_old_authority_once_more_and_no_longer() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let authority = Authority::init(dir.path(), &[], "first").expect("made");
        let old = authority.pem;
        let once = Authority::open(dir.path())
            .expect("read")
            .rotate("second")
            .expect("rotated");
        assert!(once.pem.ends_with(&old) && once.pem.len() > old.len() && once.token() == "second");
        let twice = Authority::open(dir.path())
            .expect("read")
            .rotate("third")
            .expect("rotated");
        let home = twice.issue(COORDINATOR, &["h".into()]).expect("issued");
        assert_eq!(
            Token::read_previous(&home),
            Some(Token::new("second")),
            "and no older one"
        );
        assert_eq!(
            (twice.names(), Token::read_previous(&dir.path().join(AGENT))),
            (vec!["h".into()], None)
        );
        assert!(!twice.pem.contains(&old) && twice.pem.matches("BEGIN").count() == 2);
    }
}
