//! Puts the pieces of one part together and checks it: frame, checksum, histograms, counts, and that it was measured
//! by the process that was asked to. What fails here is never merged.

use contract::identity::Sha256;
use contract::message::PartChunk;
use contract::metric::Metric;
use contract::part::{Part, StopCause};
use contract::record::{Record, RecordError};
use contract::spec::Planned;

/// Bytes of one part at most; a part with all histograms full is a fraction of that.
const LIMIT: usize = 32 * 1024 * 1024;

/// The pieces that have come so far.
#[derive(Debug, Default)]
pub struct Assembly {
    bytes: Vec<u8>,
    next: u32,
}

/// What a part must say of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The variant's name.
    pub variant: String,
    /// The binary's hash by the build manifest.
    pub exe_sha256: Sha256,
    /// Whether this run is for collecting profiles.
    pub instrumented: bool,
    /// Requests of the worker's share.
    pub planned: Planned,
}

/// Why a part is not kept.
#[derive(Debug, thiserror::Error)]
pub enum BadPart {
    /// A piece is missing or came twice.
    #[error("put a part together: piece {found} came where {expected} was due")]
    Sequence {
        /// Due.
        expected: u32,
        /// Came.
        found: u32,
    },
    /// It does not end.
    #[error("put a part together: it is larger than {LIMIT} bytes")]
    TooLarge,
    /// Its bytes are wrong.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// Another build measured it.
    #[error("accept a part: it was measured by {found}, not by {expected}")]
    Origin {
        /// Said by the part.
        found: String,
        /// By the manifest.
        expected: String,
    },
    /// An instrumented build measured where none should, or the other way round.
    #[error("accept a part: profile counters were {found}, which this run does not expect")]
    Instrumented {
        /// `on` or `off`.
        found: &'static str,
    },
    /// Requests were lost or counted twice.
    #[error("accept a part: {ended} of {planned} issued requests have an end (expected {expected})")]
    Counts {
        /// With a known end.
        ended: u64,
        /// By the part.
        planned: u64,
        /// By the plan.
        expected: Planned,
    },
    /// A histogram of successes does not hold one value per success.
    #[error("accept a part: {metric} holds {found} values for {ok} successful requests")]
    Histogram {
        /// Which.
        metric: &'static str,
        /// Values in it.
        found: u64,
        /// Successes.
        ok: u64,
    },
}

impl Assembly {
    /// Takes the next piece; with the last one, gives the whole part and its bytes.
    ///
    /// # Errors
    /// When a piece is out of order, or the whole is damaged, too large, or not what was expected.
    pub fn take(
        &mut self,
        chunk: &PartChunk,
        expected: &Expected,
    ) -> Result<Option<(Part, Vec<u8>)>, BadPart> {
        if chunk.seq != self.next {
            return Err(BadPart::Sequence { expected: self.next, found: chunk.seq });
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
    let origin = &part.origin;
    if origin.exe_sha256 != expected.exe_sha256 || origin.variant != expected.variant {
        let name = |variant: &str, sha: &Sha256| format!("`{variant}` ({})", sha.short());
        return Err(BadPart::Origin {
            found: name(&origin.variant, &origin.exe_sha256),
            expected: name(&expected.variant, &expected.exe_sha256),
        });
    }
    if origin.instrumented != expected.instrumented {
        return Err(BadPart::Instrumented { found: if origin.instrumented { "on" } else { "off" } });
    }
    let (ended, planned) = (part.outcomes.ended(), part.outcomes.planned);
    // A window that its own stop rule ended has fewer, and its verdict says so.
    let allowed = match part.stopped {
        StopCause::AsPlanned => expected.planned.allows(planned),
        StopCause::ErrorRate | StopCause::OverSaturated => planned <= expected.planned.most().into(),
    };
    if ended != planned || !allowed {
        return Err(BadPart::Counts { ended, planned, expected: expected.planned });
    }
    let ok = part.outcomes.ok;
    for metric in [Metric::E2e, Metric::Ttft, Metric::Queue, Metric::Service] {
        let exact = part.histograms.get(metric).exact();
        let found = exact.count + exact.overflow;
        if found != ok {
            return Err(BadPart::Histogram { metric: metric.name(), found, ok });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use contract::id::{Arm, Attempt, RunId, TrialKey};
    use contract::part::{EngineFacts, Histograms, Origin, Outcomes, Place, Series, Usage, Window};

    use super::*;

    fn part() -> Part {
        let mut histograms = Histograms::default();
        for metric in Metric::ALL {
            histograms.get_mut(metric).record_ns(5);
            histograms.get_mut(metric).record_ns(9);
        }
        Part {
            place: Place {
                run: RunId::new(1, [1; 10]),
                key: TrialKey { cell: 0, round: 0, arm: Arm::A },
                slot: 0,
                attempt: Attempt(1),
            },
            origin: Origin {
                variant: "baseline".into(),
                exe_sha256: Sha256([7; 32]),
                instrumented: false,
                hostname: "h".into(),
            },
            histograms,
            outcomes: Outcomes { planned: 3, ok: 2, failed: 1, ..Outcomes::default() },
            requests: Vec::new(),
            requests_not_kept: 3,
            steps: contract::part::StepLog::default(),
            token_digest: Sha256::default(),
            prompt_tokens: 1,
            output_tokens: 1,
            offered: 3,
            in_time: None,
            stopped: StopCause::AsPlanned,
            good: None,
            run_in: 0,
            series: Series::default(),
            window: Window::default(),
            cold: Vec::new(),
            usage: Usage::default(),
            engine: EngineFacts::default(),
        }
    }

    fn expected() -> Expected {
        Expected {
            variant: "baseline".into(),
            exe_sha256: Sha256([7; 32]),
            instrumented: false,
            planned: Planned::Exactly(3),
        }
    }

    fn deliver(part: &Part, piece: usize) -> Result<Option<(Part, Vec<u8>)>, BadPart> {
        let sealed = part.seal().expect("it seals");
        let pieces: Vec<_> = sealed.chunks(piece).collect();
        let mut assembly = Assembly::default();
        for (seq, bytes) in pieces.iter().enumerate() {
            let chunk = PartChunk {
                attempt: Attempt(1),
                seq: u32::try_from(seq).expect("few"),
                last: seq + 1 == pieces.len(),
                bytes: bytes.to_vec(),
            };
            if let Some(whole) = assembly.take(&chunk, &expected())? {
                return Ok(Some(whole));
            }
        }
        Ok(None)
    }

    #[test]
    fn any_size_of_pieces_gives_the_same_part_and_bytes() {
        for size in [17, 100, 1_000_000] {
            let (whole, bytes) = deliver(&part(), size).expect("it is good").expect("it is whole");
            assert_eq!(whole, part());
            assert_eq!(bytes, part().seal().expect("it seals"));
        }
    }

    #[test]
    fn another_binary_is_refused() {
        let mut wrong = part();
        wrong.origin.exe_sha256 = Sha256([8; 32]);
        assert!(matches!(deliver(&wrong, 999), Err(BadPart::Origin { .. })));
        let mut wrong = part();
        wrong.origin.instrumented = true;
        assert!(matches!(deliver(&wrong, 999), Err(BadPart::Instrumented { .. })));
    }

    #[test]
    fn lost_and_doubled_requests_are_refused() {
        let mut lost = part();
        lost.outcomes.failed = 0;
        assert!(matches!(deliver(&lost, 999), Err(BadPart::Counts { ended: 2, .. })));
        let mut doubled = part();
        doubled.histograms.get_mut(Metric::Ttft).record_ns(1);
        assert!(matches!(deliver(&doubled, 999), Err(BadPart::Histogram { metric: "ttft", .. })));
    }

    #[test]
    fn a_gap_between_pieces_is_refused() {
        let chunk = PartChunk { attempt: Attempt(1), seq: 1, last: true, bytes: vec![1] };
        let error = Assembly::default().take(&chunk, &expected()).expect_err("piece 0 is missing");
        assert!(matches!(error, BadPart::Sequence { expected: 0, found: 1 }));
    }
}
