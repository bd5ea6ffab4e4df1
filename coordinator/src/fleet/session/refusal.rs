//! Why a caller was refused: one enum with one sentence each, and counts. Must not know what
//! follows from a refusal.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use contract::PROTOCOL;
use contract::wire::MESSAGE_LIMIT;
use tokio::sync::mpsc;
use tokio_rustls::rustls::{CertificateError, Error as TlsError};
use tonic::{Code, Status};

use super::{Incoming, SessionEvent};

/// Greatest length of an agent's name, bytes: that of a host name.
pub(super) const NAME_LIMIT: usize = 255;

/// Bytes that a caller may send before it has introduced itself: far more than any hello needs.
pub(super) const UNKNOWN_LIMIT: usize = 64 * 1024;

/// Why a caller was refused. The sentences complete "it …".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Refusal {
    /// No TLS where it is required.
    #[error("does not speak TLS: it must connect to https:// with --credentials")]
    Plaintext,
    /// No client certificate where mutual TLS is required.
    #[error("showed no certificate")]
    NoCertificate,
    /// A certificate of another authority.
    #[error("showed a certificate of another authority")]
    UnknownAuthority,
    /// An expired certificate.
    #[error("showed a certificate that has expired")]
    Expired,
    /// The caller aborted the handshake.
    #[error("does not trust this coordinator's certificate")]
    Distrustful,
    /// Something other than gRPC: a browser, or TLS where none is expected.
    #[error(
        "does not speak HTTP/2 here: agents connect to http:// without --credentials, and to https:// with \
         them"
    )]
    NoHttp2,
    /// A second hello while one is awaited on the same connection.
    #[error("opened a second session before its hello in the first")]
    Twice,
    /// A name that would corrupt printed output.
    #[error(
        "has a name that is not 1 to {NAME_LIMIT} printable characters: give it another --name"
    )]
    Name,
    /// Any other handshake failure.
    #[error("aborted the TLS handshake")]
    Handshake,
    /// A connection, or a stream, without a hello in time.
    #[error("did not send its hello in time")]
    Silent,
    /// More waiting callers than allowed.
    #[error("connected while too many others had not sent their hello")]
    Crowded,
    /// The first message is not a hello.
    #[error("did not begin with a hello")]
    NoHello,
    /// A hello that cannot be decoded: its protocol is older or newer than every protocol number.
    #[error("speaks a protocol that is not understood: build both sides from the same sources")]
    Foreign,
    /// A message larger than any of the protocol.
    #[error("sent a message larger than {MESSAGE_LIMIT} bytes")]
    TooLarge,
    /// More bytes than any hello, before there was one.
    #[error("sent more than {UNKNOWN_LIMIT} bytes before its hello")]
    TooMuch,
    /// Too many frames that carry nothing.
    #[error("flooded its connection with empty frames")]
    Flood,
    /// A wrong token.
    #[error("does not know this coordinator's token")]
    Token,
    /// Its protocol is older than ours.
    #[error("speaks a protocol older than {PROTOCOL}: the worker is too old")]
    TooOld,
    /// Its protocol is newer than ours.
    #[error("speaks a protocol newer than {PROTOCOL}: the coordinator is too old")]
    TooNew,
}

/// Counts refusals. Reports the first of each kind, and then whenever their number has doubled, so
/// that a flood of callers does not flood the output.
#[derive(Clone, Debug)]
pub struct Refusals {
    counts: Arc<Mutex<BTreeMap<Refusal, u64>>>,
    events: mpsc::Sender<Incoming>,
}

impl Refusal {
    /// The refusal for a failed handshake.
    pub(super) fn of_handshake(error: &std::io::Error) -> Self {
        let cause = error
            .get_ref()
            .and_then(|cause| cause.downcast_ref::<TlsError>());
        match cause {
            Some(TlsError::NoCertificatesPresented) => Self::NoCertificate,
            Some(TlsError::InvalidCertificate(
                CertificateError::Expired | CertificateError::ExpiredContext { .. },
            )) => Self::Expired,
            Some(TlsError::InvalidCertificate(_)) => Self::UnknownAuthority,
            Some(TlsError::InvalidMessage(_)) => Self::Plaintext,
            Some(TlsError::AlertReceived(_)) => Self::Distrustful,
            _ => Self::Handshake,
        }
    }
}

impl Refusals {
    /// Reports refusals through `events`.
    #[must_use]
    pub fn new(events: mpsc::Sender<Incoming>) -> Self {
        Self {
            counts: Arc::default(),
            events,
        }
    }

    /// Counts a refused caller.
    pub fn count(&self, why: Refusal, from: Option<IpAddr>) {
        let count = {
            let mut counts = self.counts.lock().expect("no one panics while counting");
            let count = counts.entry(why).or_insert(0);
            *count += 1;
            *count
        };
        if count.is_power_of_two() {
            let whence = from.map_or_else(|| "a caller".to_owned(), |from| from.to_string());
            let so_far = if count > 1 {
                format!(" ({count} so far)")
            } else {
                String::new()
            };
            let what = SessionEvent::Refused(format!("refused {whence}: it {why}{so_far}"));
            // If the queue is full, its other events matter more.
            drop(self.events.try_send(Incoming { session: 0, what }));
        }
    }
}

/// Why a message cannot be read; `None` if it never arrived because the connection broke.
pub(super) fn unreadable(status: &Status) -> Option<Refusal> {
    match (status.code(), std::error::Error::source(status)) {
        (Code::OutOfRange, _) => Some(Refusal::TooLarge),
        // An internal error without a cause means that the message itself is malformed.
        (Code::Internal, None) => Some(Refusal::Foreign),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_refusals_is_a_trickle_of_lines() {
        let (events, mut told) = mpsc::channel(64);
        let refusals = Refusals::new(events);
        for _ in 0..1025 {
            refusals.count(Refusal::Silent, None);
        }
        refusals.count(Refusal::Token, Some(IpAddr::from([10, 0, 0, 1])));
        let mut lines = Vec::new();
        while let Ok(Incoming {
            what: SessionEvent::Refused(line),
            ..
        }) = told.try_recv()
        {
            lines.push(line);
        }
        assert_eq!(lines.len(), 12, "{lines:?}");
        assert_eq!(
            lines[0],
            "refused a caller: it did not send its hello in time"
        );
        assert!(lines[10].ends_with("(1024 so far)"), "{lines:?}");
        assert_eq!(
            lines[11],
            "refused 10.0.0.1: it does not know this coordinator's token"
        );
    }
}
