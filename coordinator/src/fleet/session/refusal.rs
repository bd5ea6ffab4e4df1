//! Why somebody was not let in, as one enum with one sentence each, and how often. Must not know
//! what follows from it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use contract::PROTOCOL;
use contract::wire::MESSAGE_LIMIT;
use tokio::sync::mpsc;
use tokio_rustls::rustls::{CertificateError, Error as TlsError};
use tonic::{Code, Status};

use super::{Incoming, SessionEvent};

/// Bytes of an agent's name at most: what a host's name may have.
pub(super) const NAME_LIMIT: usize = 255;

/// Bytes that a caller may send before it has introduced itself: far above any hello.
pub(super) const UNKNOWN_LIMIT: usize = 64 * 1024;

/// Why a caller was turned away. Sentences complete "it …".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Refusal {
    /// TLS was expected.
    #[error("does not speak TLS: it must connect to https:// with --credentials")]
    Plaintext,
    /// Mutual TLS means that both sides show a certificate.
    #[error("showed no certificate")]
    NoCertificate,
    /// Another authority's certificate.
    #[error("showed a certificate of another authority")]
    UnknownAuthority,
    /// A certificate that is too old.
    #[error("showed a certificate that has expired")]
    Expired,
    /// The caller broke the handshake off.
    #[error("does not trust this coordinator's certificate")]
    Distrustful,
    /// Something else than gRPC: a browser, or TLS where none is spoken.
    #[error(
        "does not speak HTTP/2 here: agents connect to http:// without --credentials, and to https:// with \
         them"
    )]
    NoHttp2,
    /// One session is enough to introduce oneself.
    #[error("opened a second session before its hello in the first")]
    Twice,
    /// A name that would spoil what is printed.
    #[error(
        "has a name that is not 1 to {NAME_LIMIT} printable characters: give it another --name"
    )]
    Name,
    /// Anything else that can go wrong in a handshake.
    #[error("aborted the TLS handshake")]
    Handshake,
    /// A connection, or a stream, on which nobody introduces himself.
    #[error("did not send its hello in time")]
    Silent,
    /// More callers at a time than may wait.
    #[error("connected while too many others had not sent their hello")]
    Crowded,
    /// The first message is no hello.
    #[error("did not begin with a hello")]
    NoHello,
    /// A hello that cannot be read is older or newer than every protocol number.
    #[error("speaks a protocol that is not understood: build both sides from the same sources")]
    Foreign,
    /// Larger than any message that the protocol has.
    #[error("sent a message larger than {MESSAGE_LIMIT} bytes")]
    TooLarge,
    /// More than any hello, before there was one.
    #[error("sent more than {UNKNOWN_LIMIT} bytes before its hello")]
    TooMuch,
    /// Frames without end that say nothing.
    #[error("flooded its connection with empty frames")]
    Flood,
    /// Not the fleet's secret.
    #[error("does not know this coordinator's token")]
    Token,
    /// Its protocol is older than ours.
    #[error("speaks a protocol older than {PROTOCOL}: the worker is too old")]
    TooOld,
    /// Its protocol is newer than ours.
    #[error("speaks a protocol newer than {PROTOCOL}: the coordinator is too old")]
    TooNew,
}

/// Counts refusals and tells of the first of each kind, and then whenever their number has doubled,
/// so that a flood of callers is no flood of lines.
#[derive(Clone, Debug)]
pub struct Refusals {
    counts: Arc<Mutex<BTreeMap<Refusal, u64>>>,
    events: mpsc::Sender<Incoming>,
}

impl Refusal {
    /// What a failed handshake was about.
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
    /// Tells of them through `events`.
    #[must_use]
    pub fn new(events: mpsc::Sender<Incoming>) -> Self {
        Self {
            counts: Arc::default(),
            events,
        }
    }

    pub(super) fn count(&self, why: Refusal, from: Option<IpAddr>) {
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
            // A queue that is full has more important things in it.
            drop(self.events.try_send(Incoming { session: 0, what }));
        }
    }
}

/// Why a message cannot be read; `None` where it never came, for the connection broke.
pub(super) fn unreadable(status: &Status) -> Option<Refusal> {
    match (status.code(), std::error::Error::source(status)) {
        (Code::OutOfRange, _) => Some(Refusal::TooLarge),
        // Without a cause below it is the message itself.
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
