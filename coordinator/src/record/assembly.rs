//! Assembles the pieces of one part and checks it ([`contract::part::vet`]) against the worker's
//! assignment. A part that fails here is never stored.

use contract::id::Attempt;
use contract::identity::Sha256;
use contract::message::PartChunk;
use contract::part::vet::{self, Age, Assigned, Load, PartFault};
use contract::part::{Part, PartKey};
use contract::record::{Record, RecordError};
use contract::spec::Assignment;

/// Greatest size of one part, bytes; a part with full histograms is a fraction of this.
const LIMIT: usize = 32 * 1024 * 1024;

/// The pieces received so far.
#[derive(Debug, Default)]
pub struct Assembly {
    bytes: Vec<u8>,
    next: u32,
}

/// The expected properties of a part.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// The variant's name.
    pub variant: String,
    /// SHA-256 of the binary, from the build manifest.
    pub exe_sha256: Sha256,
    /// Whether this run is for collecting profiles.
    pub instrumented: bool,
    /// The worker's assignment and attempt; `None` before it was armed.
    pub assignment: Option<(Box<Assignment>, Attempt)>,
    /// Digest of the model and number of engine threads, as the worker reported after loading.
    pub loaded: Option<(String, u32)>,
    /// Processors of its host; zero if unknown.
    pub processors: u32,
}

/// Why a part is rejected.
#[derive(Debug, thiserror::Error)]
pub enum BadPart {
    /// A piece is missing or was sent twice.
    #[error("assemble a part: piece {found} arrived where {expected} was expected")]
    Sequence {
        /// Number of the expected piece.
        expected: u32,
        /// Number of the received piece.
        found: u32,
    },
    /// It exceeds the size limit.
    #[error("assemble a part: it is larger than {LIMIT} bytes")]
    TooLarge,
    /// Its bytes are damaged.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// It arrived before it was requested.
    #[error("accept a part: early: it arrived before the worker was told what to measure")]
    Early,
    /// Its content contradicts the assignment or itself.
    #[error("accept a part: {0}")]
    Fault(#[from] PartFault),
}

impl Assembly {
    /// Adds the next piece. With the last one, returns the whole part and its bytes.
    ///
    /// # Errors
    /// When a piece is out of order, or the whole is damaged, too large, or not as expected.
    pub fn take(
        &mut self,
        chunk: &PartChunk,
        expected: &Expected,
    ) -> Result<Option<(Part, Vec<u8>)>, BadPart> {
        if chunk.seq != self.next {
            return Err(BadPart::Sequence {
                expected: self.next,
                found: chunk.seq,
            });
        }
        self.next += 1;
        if self.bytes.len() + chunk.bytes.len() > LIMIT {
            return Err(BadPart::TooLarge);
        }
        self.bytes.extend_from_slice(&chunk.bytes);
        if !chunk.last {
            return Ok(None);
        }
        let bytes = std::mem::take(&mut self.bytes);
        self.next = 0;
        let part = Part::open(&bytes)?;
        check(&part, expected)?;
        Ok(Some((part, bytes)))
    }
}

fn check(part: &Part, expected: &Expected) -> Result<(), BadPart> {
    let (assignment, attempt) = expected.assignment.as_ref().ok_or(BadPart::Early)?;
    let Assignment {
        run,
        key,
        slot,
        scenario,
        share,
        ..
    } = &**assignment;
    let place = PartKey {
        run: *run,
        key: *key,
        slot: *slot,
        attempt: *attempt,
    };
    let to = Assigned {
        place: &place,
        variant: &expected.variant,
        exe_sha256: Some(expected.exe_sha256),
        instrumented: expected.instrumented,
        load: Some(Load {
            scenario,
            share: *share,
        }),
        model_digest: expected.loaded.as_ref().map(|(digest, _)| digest.as_str()),
        threads: expected.loaded.as_ref().map(|(_, threads)| *threads),
        processors: Some(expected.processors),
        age: Age::Today,
    };
    Ok(vet::assigned(part, &to)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_between_pieces_is_refused() {
        let chunk = PartChunk {
            attempt: Attempt(1),
            seq: 1,
            last: true,
            bytes: vec![1],
        };
        let expected = Expected {
            variant: "baseline".into(),
            exe_sha256: Sha256::default(),
            instrumented: false,
            assignment: None,
            loaded: None,
            processors: 0,
        };
        let error = Assembly::default()
            .take(&chunk, &expected)
            .expect_err("piece 0 is missing");
        assert!(matches!(
            error,
            BadPart::Sequence {
                expected: 0,
                found: 1
            }
        ));
    }
}
