//! The coordinator's side of mutual TLS, set up from PEM. TLS 1.3 only: both sides are ours.

use std::sync::Arc;

use contract::credentials::Credentials;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use tokio_rustls::rustls::{self, RootCertStore, ServerConfig, crypto, version};

/// Why credentials cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file is not PEM, or lacks a required section.
    #[error("use the credentials: {0}; {WAY_OUT}")]
    Pem(#[from] pem::Error),
    /// The certificate, its key and the authority do not fit together.
    #[error("use the credentials: {0}; {WAY_OUT}")]
    Unfit(#[from] rustls::Error),
    /// The authority's certificate cannot be used to check others.
    #[error("use the credentials: {0}; {WAY_OUT}")]
    Authority(#[from] VerifierBuilderError),
}

const WAY_OUT: &str = "`coordinator certs init` writes new ones";

/// A TLS acceptor that presents `own` and admits only peers with a certificate of its authority.
///
/// # Errors
/// When the PEM texts are malformed or do not fit together.
pub fn acceptor(own: &Credentials) -> Result<TlsAcceptor, TlsError> {
    let mut roots = RootCertStore::empty();
    for authority in certificates(&own.authority)? {
        roots.add(authority)?;
    }
    let provider = Arc::new(crypto::ring::default_provider());
    let verifier =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
            .build()?;
    let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes())?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(certificates(&own.certificate)?, key)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    // Sessions are never resumed, so no tickets are kept.
    config.send_tls13_tickets = 0;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    Ok(CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>()?)
}
