//! The fleet's own certificate authority: makes it, has it vouch for parties, and replaces it without a moment in which
//! nobody trusts anybody. Every party gets a directory of its own with all it needs and nothing more. Must not know how
//! certificates are checked.
//!
//! ```text
//! DIR/authority/  ca.pem  key.pem        stays where runs are started
//! DIR/coordinator/ ca.pem cert.pem key.pem token
//! DIR/agent/       ca.pem cert.pem key.pem token     goes to every host
//! ```

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use contract::credentials::{AUTHORITY_FILE, CERTIFICATE_FILE, KEY_FILE, TOKEN_FILE};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use time::{Duration, OffsetDateTime};

/// The party that serves.
pub const COORDINATOR: &str = "coordinator";
/// The party that dials in: agents, and the workers that they start.
pub const AGENT: &str = "agent";
const AUTHORITY: &str = "authority";

/// How long an authority's word holds.
const AUTHORITY_DAYS: i64 = 3650;
/// How long a party's certificate holds.
const PARTY_DAYS: i64 = 397;
/// Clocks of hosts differ; what is valid from now on is valid a little earlier.
const SLACK: Duration = Duration::days(1);

/// Why there are no certificates.
#[derive(Debug, thiserror::Error)]
pub enum CertsError {
    /// A file or directory.
    #[error("write or read {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is one already.
    #[error("make an authority in {}: there is one; `certs rotate` replaces certificates", path.display())]
    Exists {
        /// Where.
        path: PathBuf,
    },
    /// Its name would leave the directory.
    #[error(
        "issue a certificate for `{name}`: a name of letters, digits, `-` and `_` is expected, and not `authority`"
    )]
    Name {
        /// As given.
        name: String,
    },
    /// The certificates themselves.
    #[error("make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
}

/// A directory with an authority.
#[derive(Debug)]
pub struct Authority {
    dir: PathBuf,
    key: KeyPair,
    /// Its certificate, and while it is new that of the one before.
    pem: String,
    token: String,
}

impl Authority {
    /// Makes one, with directories for the coordinator, reachable under these names, and for agents.
    ///
    /// # Errors
    /// When there is one already, or files cannot be written.
    pub fn init(dir: &Path, names: &[String], token: &str) -> Result<Self, CertsError> {
        if dir.join(AUTHORITY).exists() {
            return Err(CertsError::Exists { path: dir.to_owned() });
        }
        let key = KeyPair::generate()?;
        let pem = params(AUTHORITY, &[], AUTHORITY_DAYS)?.self_signed(&key)?.pem();
        let authority = Self { dir: dir.to_owned(), key, pem, token: token.to_owned() };
        authority.save()?;
        authority.issue(COORDINATOR, names)?;
        authority.issue(AGENT, &[])?;
        Ok(authority)
    }

    /// Reads one.
    ///
    /// # Errors
    /// When its files cannot be read.
    pub fn open(dir: &Path) -> Result<Self, CertsError> {
        let home = dir.join(AUTHORITY);
        let key = KeyPair::from_pem(&read(&home.join(KEY_FILE))?)?;
        let pem = read(&home.join(AUTHORITY_FILE))?;
        let token = read(&home.join(TOKEN_FILE))?;
        Ok(Self { dir: dir.to_owned(), key, pem, token })
    }

    /// Gives a party its directory, reachable under these names; one that it had is replaced.
    ///
    /// # Errors
    /// When the name is none, or files cannot be written.
    pub fn issue(&self, party: &str, names: &[String]) -> Result<PathBuf, CertsError> {
        let fits = !party.is_empty()
            && party != AUTHORITY
            && party.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        if !fits {
            return Err(CertsError::Name { name: party.to_owned() });
        }
        let here = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let mut all: Vec<String> = if party == COORDINATOR { here.to_vec() } else { vec![party.to_owned()] };
        all.extend(names.iter().filter(|name| !here.contains(name)).cloned());
        let issuer = Issuer::new(params(AUTHORITY, &[], AUTHORITY_DAYS)?, &self.key);
        let key = KeyPair::generate()?;
        let certificate = params(party, &all, PARTY_DAYS)?.signed_by(&key, &issuer)?.pem();
        let home = self.dir.join(party);
        directory(&home)?;
        write(&home.join(AUTHORITY_FILE), &self.pem)?;
        write(&home.join(CERTIFICATE_FILE), &certificate)?;
        write(&home.join(KEY_FILE), &key.serialize_pem())?;
        write(&home.join(TOKEN_FILE), &self.token)?;
        Ok(home)
    }

    /// A new authority and a new token. Parties trust the old one's word as well until they get their next directory,
    /// so that coordinator and agents may change over one after the other.
    ///
    /// # Errors
    /// When files cannot be written.
    pub fn rotate(self, token: &str) -> Result<Self, CertsError> {
        let key = KeyPair::generate()?;
        let new = params(AUTHORITY, &[], AUTHORITY_DAYS)?.self_signed(&key)?.pem();
        // Of the old authorities only the last: the one before it has had its time.
        let end = "-----END CERTIFICATE-----\n";
        let last = self.pem.split_inclusive(end).next().unwrap_or_default();
        let rotated = Self { pem: format!("{new}{last}"), key, token: token.to_owned(), ..self };
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
        write(&home.join(TOKEN_FILE), &self.token)
    }
}

fn params(name: &str, reachable: &[String], days: i64) -> Result<CertificateParams, CertsError> {
    let mut params = CertificateParams::new(reachable)?;
    params.distinguished_name.push(DnType::CommonName, format!("pgo-benchmarks {name}"));
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

/// For its owner alone.
fn directory(path: &Path) -> Result<(), CertsError> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| CertsError::File { path: path.to_owned(), source })
}

/// Whole or not at all, and for its owner alone.
fn write(path: &Path, text: &str) -> Result<(), CertsError> {
    let failed = |source| CertsError::File { path: path.to_owned(), source };
    let new = path.with_extension("new");
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&new).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&new, path).map_err(failed)
}

fn read(path: &Path) -> Result<String, CertsError> {
    fs::read_to_string(path).map_err(|source| CertsError::File { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use contract::credentials::Secrets;

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
            acceptor(&secrets.credentials.expect("there")).expect("certificate and key fit together");
            let mode =
                fs::metadata(dir.path().join(party).join(KEY_FILE)).expect("there").permissions().mode();
            assert_eq!(mode & 0o077, 0, "{party}");
        }
        assert!(Authority::init(dir.path(), &[], "t").is_err(), "nothing is overwritten");
        for wrong in ["", "authority", "../x"] {
            assert!(matches!(authority.issue(wrong, &[]), Err(CertsError::Name { .. })), "{wrong:?}");
        }
    }

    #[test]
    fn who_is_rotated_trusts_the_old_authority_once_more_and_no_longer() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let authority = Authority::init(dir.path(), &[], "first").expect("made");
        let old = authority.pem;
        let once = Authority::open(dir.path()).expect("read").rotate("second").expect("rotated");
        assert!(once.pem.ends_with(&old) && once.pem.len() > old.len() && once.token() == "second");
        let twice = once.rotate("third").expect("rotated");
        assert!(!twice.pem.contains(&old) && twice.pem.matches("BEGIN").count() == 2);
    }
}
