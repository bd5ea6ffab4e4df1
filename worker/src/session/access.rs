//! How a process reaches its coordinator: the address, and the secrets that open a session. Passes
//! them from an agent to its workers through the environment, never as arguments, which are visible
//! to every user of a host. Must not know the messages of a session.

use std::net::IpAddr;

use contract::credentials::{Credentials, Secrets};
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity};

use super::error::LinkError;
use super::listener;
use crate::causes::with_causes;
use crate::error::WorkerError;

/// Address of the coordinator.
pub const COORDINATOR: &str = "PGO_BENCH_COORDINATOR";

/// Set if the token may be sent without TLS to any listener.
const INSECURE: &str = "PGO_BENCH_INSECURE";
/// The default port.
const HTTP: u16 = 80;

/// The coordinator's address, and the secrets to connect.
#[derive(Clone, Debug)]
pub struct Access {
    /// `http://host:port` or `https://host:port`.
    pub coordinator: String,
    /// This party's secrets.
    pub secrets: Secrets,
    /// The token may be sent without TLS to any listener.
    pub insecure: bool,
}

impl Access {
    /// From the environment that an agent has set.
    ///
    /// # Errors
    /// When a variable is missing.
    pub fn from_env(variable: impl Fn(&str) -> Option<String>) -> Result<Self, WorkerError> {
        let coordinator =
            variable(COORDINATOR).ok_or(WorkerError::Environment { name: COORDINATOR })?;
        let insecure = variable(INSECURE).is_some();
        let secrets =
            Secrets::from_env(variable).map_err(|name| WorkerError::Environment { name })?;
        Ok(Self {
            coordinator,
            secrets,
            insecure,
        })
    }

    /// The same as environment variables.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let address = (COORDINATOR.to_owned(), self.coordinator.clone());
        let insecure = self.insecure.then(|| (INSECURE.to_owned(), "1".to_owned()));
        std::iter::once(address)
            .chain(insecure)
            .chain(self.secrets.environment())
            .collect()
    }

    /// Refuses to send secrets unencrypted over a network, and a fleet's secrets to an
    /// unauthenticated listener on this host.
    ///
    /// # Errors
    /// When the address is neither `https` nor on this host, or when there are credentials, which
    /// require the other side to authenticate, without `https`. Nothing is refused with
    /// `--insecure`.
    pub fn must_be_private(&self) -> Result<(), WorkerError> {
        let endpoint =
            Endpoint::from_shared(self.coordinator.clone()).map_err(|error| self.wrong(&error))?;
        let here = on_this_host(endpoint.uri().host().unwrap_or_default());
        let address = || self.coordinator.clone();
        if self.insecure || endpoint.uri().scheme_str() == Some("https") {
            return Ok(());
        }
        if !here {
            return Err(WorkerError::InTheClear { address: address() });
        }
        if self.secrets.credentials.is_some() {
            return Err(WorkerError::ToAnybody { address: address() });
        }
        Ok(())
    }

    /// Another user of this host who would receive the token unencrypted.
    pub(super) fn stranger(&self) -> Option<u32> {
        let endpoint = Endpoint::from_shared(self.coordinator.clone()).ok()?;
        let (uri, here) = (endpoint.uri(), self.is_of_this_host());
        let clear = here && !self.insecure && uri.scheme_str() != Some("https");
        clear
            .then(|| listener::stranger(uri.port_u16().unwrap_or(HTTP)))
            .flatten()
    }

    /// Whether the address is on this host, or invalid; connecting reports what is wrong with it.
    #[must_use]
    pub fn is_of_this_host(&self) -> bool {
        let endpoint = Endpoint::from_shared(self.coordinator.clone());
        endpoint.map_or(true, |endpoint| {
            on_this_host(endpoint.uri().host().unwrap_or_default())
        })
    }

    /// The endpoint to connect to.
    pub(super) fn endpoint(&self) -> Result<Endpoint, LinkError> {
        let wrong = |reason: String| LinkError::Address {
            address: self.coordinator.clone(),
            reason,
        };
        let endpoint =
            Endpoint::from_shared(self.coordinator.clone()).map_err(|error| self.wrong(&error))?;
        let endpoint = endpoint.tcp_nodelay(true);
        let (scheme, host) = (endpoint.uri().scheme_str(), endpoint.uri().host());
        match (scheme, host, &self.secrets.credentials) {
            (Some("http"), Some(_), _) => Ok(endpoint),
            (Some("https"), Some(_), Some(credentials)) => endpoint
                .tls_config(tls(credentials))
                .map_err(|error| wrong(with_causes(&error))),
            (Some("https"), Some(_), None) => Err(wrong(
                "https needs a certificate: give --credentials DIR".to_owned(),
            )),
            _ => Err(wrong(
                "an address like http://127.0.0.1:4100 is expected".to_owned(),
            )),
        }
    }

    fn wrong(&self, error: &tonic::transport::Error) -> LinkError {
        LinkError::Address {
            address: self.coordinator.clone(),
            reason: with_causes(error),
        }
    }
}

fn on_this_host(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn tls(credentials: &Credentials) -> ClientTlsConfig {
    ClientTlsConfig::new()
        .ca_certificate(Certificate::from_pem(&credentials.authority))
        .identity(Identity::from_pem(
            &credentials.certificate,
            &credentials.key,
        ))
}

/// The meaning of a failed handshake that would fail again. TLS reports it only in the text of an
/// inner error; `text` is that with all its causes.
pub(super) fn distrust(text: &str) -> Option<&'static str> {
    let has = |names: &[&str]| names.iter().any(|name| text.contains(name));
    if has(&["CertificateRequired"]) {
        Some("it wants a certificate: give --credentials DIR")
    } else if has(&["CertificateExpired", "Expired"]) {
        Some("a certificate has expired: `coordinator certs rotate DIR` makes new ones")
    } else if has(&["NotValidForName"]) {
        Some(
            "its certificate does not name this address: `coordinator certs issue DIR coordinator --name HOST` adds it",
        )
    } else if has(&[
        "fatal alert: UnknownCA",
        "fatal alert: DecryptError",
        "fatal alert: BadCertificate",
    ]) {
        Some("it does not know the authority of this certificate: use the credentials made for it")
    } else if has(&["UnknownIssuer", "BadSignature"]) {
        Some(
            "its certificate does not come from the authority in ca.pem: use the credentials made for it",
        )
    } else if has(&["FRAME_SIZE_ERROR"]) {
        Some("it does not speak plain text: use https:// with --credentials DIR")
    } else if has(&["InvalidContentType", "corrupt message"]) {
        Some("it does not speak TLS: use http://, or start it with --credentials")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(coordinator: &str, credentials: bool) -> Access {
        let pem = |text: &str| text.to_owned();
        let credentials = credentials.then(|| Credentials {
            authority: pem("a"),
            certificate: pem("c"),
            key: pem("k"),
        });
        let secrets = Secrets {
            token: "t".into(),
            credentials,
        };
        Access {
            coordinator: coordinator.into(),
            secrets,
            insecure: false,
        }
    }

    #[test]
    fn what_an_agent_hands_over_is_what_a_worker_takes() {
        for credentials in [false, true] {
            let given = access("http://h:1", credentials);
            let handed = given.environment();
            let find = |name: &str| {
                handed
                    .iter()
                    .find(|(n, _)| n == name)
                    .map(|(_, value)| value.clone())
            };
            let taken = Access::from_env(find).unwrap();
            assert_eq!(
                (taken.coordinator, taken.secrets),
                (given.coordinator, given.secrets)
            );
        }
    }

    #[test]
    fn secrets_go_in_the_clear_to_this_host_alone() {
        for fine in [
            "http://127.0.0.1:1",
            "http://localhost:1",
            "http://[::1]:1",
            "https://10.0.0.1:1",
        ] {
            assert!(access(fine, false).must_be_private().is_ok(), "{fine}");
        }
        for wrong in [
            "http://10.0.0.1:1",
            "http://127.0.0.1.example:1",
            "http://fleet:1",
        ] {
            let error = access(wrong, false)
                .must_be_private()
                .unwrap_err()
                .to_string();
            assert!(
                error.contains("--credentials") && error.contains("--insecure"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_fleets_credentials_go_to_nobody_who_shows_none() {
        for wrong in ["http://127.0.0.1:1", "http://localhost:1", "http://[::1]:1"] {
            let error = access(wrong, true)
                .must_be_private()
                .unwrap_err()
                .to_string();
            assert!(
                error.contains("https://") && error.contains("--insecure"),
                "{error}"
            );
            let asked_for = Access {
                insecure: true,
                ..access(wrong, true)
            };
            assert!(asked_for.must_be_private().is_ok());
        }
        assert!(
            access("https://127.0.0.1:1", true)
                .must_be_private()
                .is_ok()
        );
    }

    #[test]
    fn tls_without_a_certificate_is_no_address() {
        let error = access("https://h:1", false)
            .endpoint()
            .unwrap_err()
            .to_string();
        assert!(error.contains("--credentials"), "{error}");
    }
}
