//! The requests that a separate engine holds, and whether the engine's messages about them are
//! valid. Pure; must not know how anything is sent.
//!
//! ```text
//! held ─started→ running ─tokens→ running ─finished, failed, cancelled→ gone
//!   └─refused, cancelled→ gone          a line about a gone request is invalid, and the engine is down
//! ```

use std::collections::BTreeMap;

use contract::engine::{Heard, Why};

use crate::engine::{Counters, Ending, EngineEvent, ErrorKind, StepLoad};

/// The requests that the engine holds.
#[derive(Debug, Default)]
pub(super) struct Held {
    requests: BTreeMap<u32, Request>,
    running: u32,
    counters: Counters,
    complaint: Option<String>,
}

#[derive(Debug, Default)]
struct Request {
    asked: u32,
    made: u32,
    started: bool,
    /// Its cancellation was requested.
    cancelled: bool,
}

/// An invalid line of the engine. Messages complete "the engine …".
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Nonsense {
    #[error(
        "speaks of request {index}, which it does not hold: it was never submitted, or has ended"
    )]
    Unknown { index: u32 },
    #[error("starts request {index} a second time")]
    Again { index: u32 },
    #[error("gives tokens of a text that was not requested")]
    Unasked,
}

impl Held {
    /// Adds a request that was submitted.
    pub(super) fn take(&mut self, index: u32, asked: u32) {
        let request = Request {
            asked,
            ..Request::default()
        };
        self.requests.insert(index, request);
        let waiting = self.requests.len() - self.running as usize;
        let waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
        self.counters.peak_waiting = self.counters.peak_waiting.max(waiting);
    }

    /// Marks a request as cancelled; returns whether the engine holds it.
    pub(super) fn cancel(&mut self, index: u32) -> bool {
        let held = self.requests.get_mut(&index);
        held.map(|request| request.cancelled = true).is_some()
    }

    /// Resets the counters.
    pub(super) fn begin_window(&mut self) {
        self.counters = Counters::default();
    }

    pub(super) fn counters(&self) -> Counters {
        self.counters
    }

    /// The first error of the engine.
    pub(super) fn complaint(&self) -> Option<String> {
        self.complaint.clone()
    }

    pub(super) fn complain(&mut self, complaint: impl FnOnce() -> String) {
        self.complaint.get_or_insert_with(complaint);
    }

    /// Handles a line's events and appends them to `events`.
    pub(super) fn hear(
        &mut self,
        line: &Heard,
        events: &mut Vec<EngineEvent>,
    ) -> Result<(), Nonsense> {
        for &index in &line.started {
            match self.request(index)?.started {
                true => return Err(Nonsense::Again { index }),
                false => self.start(index, events),
            }
        }
        for &(index, token) in &line.tokens {
            self.token(index, token, events)?;
        }
        if !line.tokens.is_empty() {
            self.counters.step(StepLoad {
                running: self.running,
                ..StepLoad::default()
            });
        }
        let finished = line.finished.iter().map(|index| (*index, Ending::Finished));
        let cancelled = line.cancelled.iter();
        let cancelled = cancelled.map(|index| (*index, Ending::Cancelled));
        let refused = line.refused.iter();
        let refused = refused.map(|(index, why)| (*index, Ending::Refused(kind(*why))));
        let failed = line.failed.iter();
        let failed = failed.map(|(index, why)| (*index, Ending::Failed(kind(*why))));
        for (index, ending) in finished.chain(cancelled).chain(refused).chain(failed) {
            self.end(index, ending, events)?;
        }
        Ok(())
    }

    fn request(&mut self, index: u32) -> Result<&mut Request, Nonsense> {
        self.requests
            .get_mut(&index)
            .ok_or(Nonsense::Unknown { index })
    }

    fn start(&mut self, index: u32, events: &mut Vec<EngineEvent>) {
        if let Some(request) = self.requests.get_mut(&index) {
            request.started = true;
            self.running += 1;
            events.push(EngineEvent::Started { index });
        }
    }

    /// Tokens beyond the requested number are counted but not reported; so are those of a cancelled
    /// request.
    fn token(
        &mut self,
        index: u32,
        token: u32,
        events: &mut Vec<EngineEvent>,
    ) -> Result<(), Nonsense> {
        // If the engine does not report the start of work, the first token counts as the start.
        if !self.request(index)?.started {
            self.start(index, events);
        }
        let request = self.request(index)?;
        request.made = request.made.saturating_add(1);
        if request.made <= request.asked && !request.cancelled {
            events.push(EngineEvent::Token { index, token });
        }
        Ok(())
    }

    fn end(
        &mut self,
        index: u32,
        said: Ending,
        events: &mut Vec<EngineEvent>,
    ) -> Result<(), Nonsense> {
        let Request {
            asked,
            made,
            started,
            cancelled,
        } = self
            .requests
            .remove(&index)
            .ok_or(Nonsense::Unknown { index })?;
        self.running -= u32::from(started);
        let ending = match said {
            _ if cancelled => Ending::Cancelled,
            Ending::Finished if made != asked => {
                self.complain(|| {
                    format!("answered request {index} with {made} tokens instead of {asked}")
                });
                Ending::Failed(ErrorKind::Internal)
            }
            Ending::Cancelled => {
                self.complain(|| format!("cancelled request {index} without being asked"));
                Ending::Failed(ErrorKind::Internal)
            }
            // Once started, a request can no longer be refused; it fails.
            Ending::Refused(kind) if started => Ending::Failed(kind),
            said => said,
        };
        if let Ending::Refused(kind) | Ending::Failed(kind) = ending {
            self.complain(|| format!("did not answer request {index}: {kind:?}"));
        }
        events.push(EngineEvent::Ended { index, ending });
        Ok(())
    }
}

fn kind(why: Why) -> ErrorKind {
    match why {
        Why::Overloaded => ErrorKind::Overloaded,
        Why::TooLong => ErrorKind::TooLong,
        Why::Invalid => ErrorKind::Invalid,
        Why::NotFinite => ErrorKind::NotFinite,
        Why::Internal => ErrorKind::Internal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(held: &mut Held, line: &str) -> Result<Vec<EngineEvent>, Nonsense> {
        let (line, mut events): (Heard, _) =
            (serde_json::from_str(line).expect("a line"), Vec::new());
        held.hear(&line, &mut events).map(|()| events)
    }

    fn holding(asked: u32) -> Held {
        let mut held = Held::default();
        held.take(1, asked);
        held
    }

    fn ended(ending: Ending) -> EngineEvent {
        EngineEvent::Ended { index: 1, ending }
    }

    #[test]
    fn an_answer_is_a_start_its_tokens_and_an_end() {
        let mut held = holding(2);
        assert_eq!(held.counters().peak_waiting, 1);
        let heard = hear(&mut held, r#"{"started":[1],"tokens":[[1,7]]}"#);
        let started = EngineEvent::Started { index: 1 };
        let token = |token| EngineEvent::Token { index: 1, token };
        assert_eq!(heard, Ok(vec![started, token(7)]));
        let heard = hear(&mut held, r#"{"tokens":[[1,8]],"finished":[1]}"#);
        assert_eq!(heard, Ok(vec![token(8), ended(Ending::Finished)]));
        assert_eq!(
            (held.counters().steps, held.counters().peak_running),
            (2, 1)
        );
        assert_eq!(held.complaint(), None);
    }

    #[test]
    fn an_answer_of_another_length_fails_and_is_complained_of() {
        for (line, made) in [
            (r#"{"tokens":[[1,7]],"finished":[1]}"#, "1 tokens"),
            (
                r#"{"tokens":[[1,7],[1,8],[1,9]],"finished":[1]}"#,
                "3 tokens",
            ),
        ] {
            let mut held = holding(2);
            let heard = hear(&mut held, line).expect("it makes sense");
            assert_eq!(
                heard.last(),
                Some(&ended(Ending::Failed(ErrorKind::Internal)))
            );
            let tokens = heard
                .iter()
                .filter(|e| matches!(e, EngineEvent::Token { .. }));
            assert!(tokens.count() <= 2);
            assert!(held.complaint().is_some_and(|said| said.contains(made)));
        }
    }

    #[test]
    fn what_is_said_of_a_request_that_is_not_held_brings_the_engine_down() {
        let unknown = |index| Err(Nonsense::Unknown { index });
        for line in [
            r#"{"started":[2]}"#,
            r#"{"tokens":[[2,7]]}"#,
            r#"{"finished":[2]}"#,
            r#"{"failed":[[2,"internal"]]}"#,
        ] {
            assert_eq!(hear(&mut holding(2), line), unknown(2), "{line}");
        }
        let mut held = holding(1);
        hear(&mut held, r#"{"tokens":[[1,7]],"finished":[1]}"#).expect("it makes sense");
        assert_eq!(
            hear(&mut held, r#"{"tokens":[[1,7]]}"#),
            unknown(1),
            "after its end"
        );
        let twice = hear(&mut holding(2), r#"{"started":[1,1]}"#);
        assert_eq!(twice, Err(Nonsense::Again { index: 1 }));
    }

    #[test]
    fn what_was_cancelled_ends_so_whatever_is_said_and_nothing_else_does() {
        let mut held = holding(1);
        assert!(held.cancel(1) && !held.cancel(2));
        let heard = hear(
            &mut held,
            r#"{"started":[1],"tokens":[[1,7]],"finished":[1]}"#,
        );
        let started = EngineEvent::Started { index: 1 };
        assert_eq!(heard, Ok(vec![started, ended(Ending::Cancelled)]));
        let unasked = hear(&mut holding(1), r#"{"cancelled":[1]}"#);
        assert_eq!(
            unasked,
            Ok(vec![ended(Ending::Failed(ErrorKind::Internal))])
        );
    }
}
