//! Turns time stamps into a part's figures, each metric exactly as [`Metric`] defines it. All
//! allocation happens before the start instant. It must not read a clock, nor know why a request
//! was sent when it was.

mod finish;
mod trace;
mod types;

pub use types::{Asked, Due, Ended, Measured, Moments, RUN_IN, RecordingPlan};

use std::time::Duration;

use contract::metric::Metric;
use contract::part::{Histograms, Outcome, Outcomes, Step, StepLog};
use trace::{Chunks, State, Trace};

use crate::engine::{Ending, EngineEvent};

/// Tracks all requests of a phase.
pub struct Recorder {
    plan: RecordingPlan,
    traces: Vec<Trace>,
    /// Output tokens: `output_tokens` entries for each request whose tokens are compared.
    tokens: Vec<u32>,
    /// Their times: `output_tokens` entries for each request in flight.
    times: Vec<u64>,
    free: Vec<u32>,
    steps: StepLog,
    last_step: Option<u64>,
    histograms: Box<Histograms>,
    outcomes: Outcomes,
    output_tokens: u64,
    in_flight: u32,
    run_in: u64,
}

impl Recorder {
    /// A recorder with space for the whole plan.
    #[must_use]
    pub fn new(plan: RecordingPlan) -> Self {
        let (requests, answer) = (plan.requests as usize, plan.output_tokens as usize);
        Self {
            traces: vec![Trace::default(); requests + plan.run_in as usize],
            tokens: vec![0; plan.compared as usize * answer],
            times: vec![0; plan.in_flight as usize * answer],
            free: (0..plan.in_flight).rev().collect(),
            steps: StepLog {
                kept: Vec::with_capacity(plan.steps_kept()),
                not_kept: 0,
            },
            last_step: None,
            histograms: Box::default(),
            outcomes: Outcomes::default(),
            output_tokens: 0,
            in_flight: 0,
            run_in: 0,
            plan,
        }
    }

    /// A request was submitted to the engine.
    pub fn sent(&mut self, index: u32, asked: Asked, due: Due, now: Duration) {
        let lane = self
            .free
            .pop()
            .expect("no more requests are in flight than planned");
        let (intended, sent) = (self.offset(due.intended), self.offset(now));
        let at = self.place(index);
        self.in_flight += 1;
        if self.is_of_window(at) {
            self.outcomes.planned += 1;
            self.histograms
                .get_mut(Metric::Lateness)
                .record_ns(nanos(now.saturating_sub(due.possible)));
        } else {
            self.run_in += 1;
        }
        let Asked {
            prompt_tokens,
            output_tokens,
        } = asked;
        let state = State::InFlight(lane);
        self.traces[at] = Trace {
            state,
            prompt_tokens,
            asked: output_tokens,
            intended,
            sent,
            ..Trace::default()
        };
    }

    /// An event of a request. Returns an end only the first time; later events are ignored.
    pub fn event(&mut self, at: Duration, event: EngineEvent) -> Option<Ended> {
        match event {
            EngineEvent::Started { index } => self.started(index, at),
            EngineEvent::Token { index, token } => self.token(index, token, at),
            EngineEvent::Chunk { index, tokens } => self.chunk(index, tokens, at),
            EngineEvent::Told {
                index,
                tokens,
                text,
            } => self.told(index, tokens, text),
            EngineEvent::Ended { index, ending } => {
                return self.end(index, self.outcome(index, ending), at);
            }
            EngineEvent::Down => {}
        }
        None
    }

    /// Ends a request although the engine has not reported its end.
    pub fn end(&mut self, index: u32, outcome: Outcome, at: Duration) -> Option<Ended> {
        let place = self.place(index);
        let State::InFlight(lane) = self.traces[place].state else {
            return None;
        };
        let trace = self.traces[place];
        // An iteration handles events that arrived after it read the clock, and may then give a
        // request up as of an earlier time.
        let done = if outcome == Outcome::Ok {
            trace.last
        } else {
            self.offset(at).max(trace.latest())
        };
        self.traces[place].state = State::Ended(outcome, done);
        self.free.push(lane);
        self.in_flight -= 1;
        let mut ended = Ended {
            index,
            outcome,
            at,
            ttft: None,
        };
        if self.is_of_window(place) {
            self.outcomes.count(outcome);
            if outcome == Outcome::Ok {
                self.record(trace, lane);
                ended.ttft = Some(Duration::from_nanos(
                    trace.first.saturating_sub(trace.intended),
                ));
            }
        }
        Some(ended)
    }

    /// Requests in flight, of the window or before it.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        self.in_flight
    }

    /// Whether a request was sent and has not ended.
    #[must_use]
    pub fn is_in_flight(&self, index: u32) -> bool {
        matches!(self.traces[self.place(index)].state, State::InFlight(_))
    }

    /// The outcomes so far.
    #[must_use]
    pub fn outcomes(&self) -> &Outcomes {
        &self.outcomes
    }

    /// Tokens so far, of all requests.
    #[must_use]
    pub fn tokens_so_far(&self) -> u64 {
        self.output_tokens
    }

    /// Largest lateness so far, ns.
    #[must_use]
    pub fn latest_ns(&self) -> u64 {
        self.histograms.get(Metric::Lateness).exact().max
    }

    fn started(&mut self, index: u32, at: Duration) {
        let (place, at) = (self.place(index), self.offset(at));
        let trace = &mut self.traces[place];
        if let State::InFlight(_) = trace.state {
            trace.started = at;
        }
    }

    fn token(&mut self, index: u32, token: u32, at: Duration) {
        let (place, at, answer) = (self.place(index), self.offset(at), self.plan.output_tokens);
        let trace = &mut self.traces[place];
        let State::InFlight(lane) = trace.state else {
            return;
        };
        if trace.made < trace.asked {
            self.times[(lane * answer + trace.made) as usize] = at;
            if place < self.plan.compared as usize {
                self.tokens[place * answer as usize + trace.made as usize] = token;
            }
        }
        if trace.made == 0 {
            trace.first = at;
        }
        trace.last = at;
        trace.made += 1;
        if self.is_of_window(place) {
            self.output_tokens += 1;
            self.step(at);
        }
    }

    /// Records a chunk. Its times are those of its tokens if it reports their number, else its own.
    /// If there are more times than an answer may have tokens, the further ones are not stored: the
    /// last one is the end of the answer.
    fn chunk(&mut self, index: u32, tokens: u32, at: Duration) {
        let (place, at, answer) = (self.place(index), self.offset(at), self.plan.output_tokens);
        let of_window = self.is_of_window(place);
        let trace = &mut self.traces[place];
        let State::InFlight(lane) = trace.state else {
            return;
        };
        if trace.made == 0 {
            trace.first = at;
            trace.chunks.first = tokens;
        }
        trace.last = at;
        for _ in 0..tokens.clamp(1, answer) {
            trace.made = (trace.made + 1).min(trace.asked);
            self.times[(lane * answer + trace.made - 1) as usize] = at;
        }
        if of_window {
            self.output_tokens += u64::from(tokens.max(1));
        }
    }

    fn told(&mut self, index: u32, tokens: u32, text: [u32; 2]) {
        let place = self.place(index);
        let trace = &mut self.traces[place];
        if let State::InFlight(_) = trace.state {
            trace.chunks = Chunks {
                tokens: Some(tokens),
                text,
                ..trace.chunks
            };
        }
    }

    /// All tokens of a step have the same time.
    fn step(&mut self, at_ns: u64) {
        let same = self.last_step.replace(at_ns) == Some(at_ns);
        let room = self.steps.kept.len() < self.plan.steps_kept();
        match (same, self.steps.kept.last_mut()) {
            (true, Some(last)) if self.steps.not_kept == 0 => last.tokens += 1,
            (true, _) => {}
            (false, _) if room => self.steps.kept.push(Step { at_ns, tokens: 1 }),
            (false, _) => self.steps.not_kept += 1,
        }
    }

    /// An answer of another length than requested is not the same work and counts as failed.
    fn outcome(&self, index: u32, ending: Ending) -> Outcome {
        let trace = &self.traces[self.place(index)];
        let late = trace.last.saturating_sub(trace.intended) > nanos(self.plan.timeout);
        match ending {
            Ending::Finished if trace.tokens() != trace.asked => Outcome::Failed,
            Ending::Finished if late => Outcome::TimedOut,
            Ending::Finished => Outcome::Ok,
            Ending::Cancelled => Outcome::Cancelled,
            Ending::Refused(_) => Outcome::Refused,
            Ending::Failed(_) => Outcome::Failed,
            Ending::Disconnected => Outcome::Disconnected,
        }
    }

    fn record(&mut self, trace: Trace, lane: u32) {
        let span = |from: u64, to: u64| to.saturating_sub(from);
        let decode = span(trace.first, trace.last);
        let mut record = |metric, ns| self.histograms.get_mut(metric).record_ns(ns);
        record(Metric::E2e, span(trace.intended, trace.last));
        record(Metric::Ttft, span(trace.intended, trace.first));
        record(Metric::Queue, span(trace.sent, trace.started));
        record(Metric::Prefill, span(trace.started, trace.first));
        record(Metric::Decode, decode);
        record(Metric::Service, span(trace.sent, trace.last));
        // Tokens that arrived with the first token took no time after it.
        let later = trace.tokens().saturating_sub(trace.chunks.first.max(1));
        if later > 0 {
            record(Metric::Tpot, decode / u64::from(later));
        }
        let from = (lane * self.plan.output_tokens) as usize;
        let times = &self.times[from..from + trace.made as usize];
        times
            .windows(2)
            .for_each(|pair| record(Metric::Itl, span(pair[0], pair[1])));
    }

    fn offset(&self, at: Duration) -> u64 {
        nanos(at.saturating_sub(self.plan.start))
    }

    /// Requests before the window are stored behind those of the window.
    fn place(&self, index: u32) -> usize {
        let share = self.plan.share;
        let (from, index) = if index < RUN_IN {
            (0, index)
        } else {
            (self.plan.requests, index - RUN_IN)
        };
        (from + (index - share.index) / share.of) as usize
    }

    fn is_of_window(&self, place: usize) -> bool {
        place < self.plan.requests as usize
    }

    fn index(&self, place: usize) -> u32 {
        let step = u32::try_from(place).expect("indices are u32");
        self.plan.share.index + step * self.plan.share.of
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
