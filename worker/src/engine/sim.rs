//! A seeded model of an engine with continuous batching: durations of steps, failing requests,
//! stalls. Owns the state machine, which knows only the times that it is given; [`super::threaded`]
//! runs it in real time, [`super::inline`] in virtual time. It must not know what is measured.
//!
//! ```text
//! idle ──begin(now)──▶ stepping until `end` ──finish──▶ idle
//! ```

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use contract::message::{Failure, FailureKind};
use contract::spec::SimSpec;

use super::threaded::{Mailbox, Stepper};
use super::{Ending, EngineEvent, EngineRequest, ErrorKind, StepLoad, Time, WindowStart};
use crate::stream::{Purpose, Stream};

/// Token ids of the simulated model are below this.
const VOCABULARY: u32 = 32_000;

/// The simulated engine's state.
pub(super) struct Core {
    spec: SimSpec,
    waiting: VecDeque<Work>,
    running: Vec<Work>,
    end: Option<Duration>,
    window: Option<WindowStart>,
    noise: Stream,
}

/// One request in the engine.
struct Work {
    request: EngineRequest,
    made: u32,
    tokens: Stream,
    fate: Fate,
}

/// The scripted end of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Finish,
    /// Fails in its first step.
    Fail,
    /// Is cut off after this many tokens.
    Cut(u32),
}

/// The core in real time.
pub(super) struct Timed {
    core: Core,
    time: Arc<dyn Time>,
    /// Planned end of the previous step while there is work. The next step begins then, so that a
    /// late wake-up shifts one event and not all later ones.
    due: Option<Duration>,
}

pub(super) fn check(spec: &SimSpec) -> Result<(), Failure> {
    let share = |x: f64| (0.0..=1.0).contains(&x);
    let scale = spec.scale.is_finite() && spec.scale > 0.0;
    let sound = scale
        && (0.0..10.0).contains(&spec.jitter)
        && share(spec.error_rate)
        && share(spec.disconnect_rate);
    if sound && spec.max_batch > 0 {
        return Ok(());
    }
    Err(Failure {
        kind: FailureKind::BadAssignment,
        message:
            "the simulated engine needs scale > 0, 0 ≤ jitter < 10, rates between 0 and 1 and max_batch ≥ 1: \
                  correct the [sim] section"
                .to_owned(),
    })
}

/// Every word is one token, so that lengths behave as with a real tokenizer.
pub(super) fn encode(text: &str) -> Vec<u32> {
    words(text, VOCABULARY)
}

/// The same for this vocabulary.
pub(super) fn words(text: &str, vocabulary: u32) -> Vec<u32> {
    let id = |word: &str| {
        let hash = word.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |h, b| {
            (h ^ u64::from(b)).wrapping_mul(0x100_0000_01B3)
        });
        u32::try_from(hash % u64::from(vocabulary)).expect("it is below a u32")
    };
    text.split_whitespace().map(id).collect()
}

impl Timed {
    pub(super) fn new(core: Core, time: Arc<dyn Time>) -> Self {
        Self {
            core,
            time,
            due: None,
        }
    }
}

impl Core {
    pub(super) fn new(mut spec: SimSpec) -> Self {
        spec.stalls.sort_by_key(|stall| stall.at_ns);
        let (waiting, running) = (VecDeque::with_capacity(256), Vec::with_capacity(256));
        let noise = Stream::new(0, Purpose::Noise, 0);
        Self {
            spec,
            waiting,
            running,
            end: None,
            window: None,
            noise,
        }
    }

    pub(super) fn submit(&mut self, request: EngineRequest) -> Result<(), ErrorKind> {
        if request.prompt.is_empty() || request.max_new_tokens == 0 {
            return Err(ErrorKind::Invalid);
        }
        let seed = self.window.map_or(0, |window| window.requests_seed);
        let tokens = Stream::new(seed, Purpose::Token, request.index.into());
        let fate = self.fate(&request);
        self.waiting.push_back(Work {
            request,
            made: 0,
            tokens,
            fate,
        });
        Ok(())
    }

    /// Returns whether the request was held.
    pub(super) fn cancel(&mut self, index: u32) -> bool {
        let before = self.waiting.len() + self.running.len();
        self.waiting.retain(|work| work.request.index != index);
        self.running.retain(|work| work.request.index != index);
        self.waiting.len() + self.running.len() < before
    }

    pub(super) fn begin_window(&mut self, window: WindowStart) {
        self.noise = Stream::new(window.noise_seed, Purpose::Noise, 0);
        self.window = Some(window);
    }

    /// Whether no step is running and a new one would do nothing.
    pub(super) fn is_idle(&self) -> bool {
        self.end.is_none() && self.waiting.is_empty() && self.running.is_empty()
    }

    /// End of the running step.
    pub(super) fn end(&self) -> Option<Duration> {
        self.end
    }

    /// Begins a step and returns its end. The step processes the whole prompt of every request that
    /// was admitted before it.
    pub(super) fn begin(&mut self, now: Duration) -> Duration {
        let decoding = self.running.len();
        let room = (self.spec.max_batch as usize)
            .saturating_sub(decoding)
            .min(self.waiting.len());
        self.running.extend(self.waiting.drain(..room));
        let prompts = self.running[decoding..]
            .iter()
            .map(|work| work.request.prompt.len() as u64)
            .sum();
        let work = self.duration(decoding as u64, prompts);
        let end = self.stalled(now, work);
        self.end = Some(end);
        end
    }

    /// Ends the step: new sequences are started, and all sequences have one more token.
    pub(super) fn finish(&mut self, events: &mut Vec<EngineEvent>) -> StepLoad {
        self.end = None;
        let running = u32::try_from(self.running.len()).expect("bounded by max_batch");
        let waiting = u32::try_from(self.waiting.len()).expect("indices are u32");
        self.running.retain_mut(|work| work.advance(events));
        StepLoad {
            running,
            waiting,
            ..StepLoad::default()
        }
    }

    /// The duration of a step as [`SimSpec`] defines it.
    fn duration(&mut self, decoding: u64, prompt_tokens: u64) -> Duration {
        let spec = &self.spec;
        let plain = spec.step_base_ns + spec.decode_ns * decoding + spec.prefill_ns * prompt_tokens;
        let noise = (self.noise.normal() * spec.jitter).exp();
        Duration::from_nanos((plain as f64 * spec.scale * noise) as u64)
    }

    /// End of work of this length if it begins now, including stalls.
    fn stalled(&self, now: Duration, work: Duration) -> Duration {
        let Some(window) = self.window else {
            return now + work;
        };
        let (mut at, mut rest) = (now, work);
        for stall in &self.spec.stalls {
            let from = window.at + Duration::from_nanos(stall.at_ns);
            let to = from + Duration::from_nanos(stall.for_ns);
            if at >= to {
                continue;
            }
            if at + rest <= from {
                break;
            }
            rest -= from.saturating_sub(at);
            at = to;
        }
        at + rest
    }

    /// Scripted faults happen only in the measured window.
    fn fate(&self, request: &EngineRequest) -> Fate {
        let Some(window) = self.window else {
            return Fate::Finish;
        };
        let draw = Stream::new(window.requests_seed, Purpose::Fate, request.index.into()).uniform();
        if draw < self.spec.error_rate {
            Fate::Fail
        } else if draw < self.spec.error_rate + self.spec.disconnect_rate {
            Fate::Cut(request.max_new_tokens / 2)
        } else {
            Fate::Finish
        }
    }
}

impl Work {
    /// Advances by one step; returns false once it has ended.
    fn advance(&mut self, events: &mut Vec<EngineEvent>) -> bool {
        let index = self.request.index;
        if self.made == 0 {
            events.push(EngineEvent::Started { index });
        }
        let ending = match self.fate {
            Fate::Fail => Some(Ending::Failed(ErrorKind::Internal)),
            Fate::Cut(at) if self.made >= at => Some(Ending::Disconnected),
            Fate::Finish | Fate::Cut(_) => self.answer(events),
        };
        events.extend(ending.map(|ending| EngineEvent::Ended { index, ending }));
        ending.is_none()
    }

    /// Adds one token; after the last token, the request ends.
    fn answer(&mut self, events: &mut Vec<EngineEvent>) -> Option<Ending> {
        let token =
            u32::try_from(self.tokens.below(VOCABULARY as usize)).expect("the vocabulary is small");
        events.push(EngineEvent::Token {
            index: self.request.index,
            token,
        });
        self.made += 1;
        (self.made == self.request.max_new_tokens).then_some(Ending::Finished)
    }
}

impl Stepper for Timed {
    fn submit(&mut self, request: EngineRequest) -> Result<(), ErrorKind> {
        self.core.submit(request)
    }

    fn cancel(&mut self, index: u32) -> bool {
        self.core.cancel(index)
    }

    fn begin_window(&mut self, window: WindowStart) {
        self.core.begin_window(window);
    }

    fn is_idle(&self) -> bool {
        self.core.is_idle()
    }

    fn step(&mut self, events: &mut Vec<EngineEvent>, mailbox: &Mailbox) -> StepLoad {
        let begin = self.due.take().unwrap_or_else(|| self.time.now());
        let end = self.core.begin(begin);
        mailbox.sleep(end.saturating_sub(self.time.now()));
        let load = self.core.finish(events);
        self.due = (!self.core.is_idle()).then_some(end);
        load
    }
}
