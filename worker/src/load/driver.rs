//! The loop that offers a phase to an engine: sends what is due, takes in what happened, ends what took too long. One
//! clock reading a turn, so that sending, recording and stopping never disagree about now; nothing is allocated after
//! the first turn. It must not know why load has its shape or what becomes of the figures.

use std::collections::VecDeque;
use std::time::Duration;

use contract::part::Outcome;

use super::arrival::Arrivals;
use super::control::Control;
use super::inbox::{Inbox, Stamped};
use super::phase::{Phase, PhaseKind};
use super::stop::{Answer, Reason, Stop, Tally};
use crate::engine::{Engine, EngineEvent, EngineRequest};
use crate::measure::{Asked, Clock, Ended, Pacer, Recorder, Wake};

/// How long an engine may take to let go of what was cancelled.
const SETTLE: Duration = Duration::from_secs(60);

/// Most events that wait between two turns of the driver without allocating.
const INBOX: usize = 1 << 16;

/// What a phase runs on.
pub struct Bench<'a> {
    /// The engine, idle.
    pub engine: &'a mut dyn Engine,
    /// What the engine's sink fills.
    pub inbox: &'a Inbox,
    /// The clock the sink reads.
    pub clock: &'a Clock,
    /// Cancels and watches.
    pub control: &'a Control,
}

/// How a phase ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriveEnd {
    /// As planned.
    Done,
    /// As asked.
    Cancelled,
    /// Without a result.
    Failed(Reason),
}

/// A phase under way.
pub struct Driver<'a> {
    bench: Bench<'a>,
    pacer: Pacer,
    start: Duration,
    show: bool,
    requests: std::vec::IntoIter<EngineRequest>,
    arrivals: Arrivals,
    stop: Stop,
    timeout: Duration,
    recorder: Recorder,
    /// Every request sent, by the time it must be done; those that ended are dropped when they come up.
    deadlines: VecDeque<(Duration, u32)>,
    batch: Vec<EngineRequest>,
    events: Vec<Stamped>,
    issued: u64,
    /// Ends the engine has not told yet.
    owed: u64,
    down: bool,
}

impl<'a> Driver<'a> {
    /// Allocates all there is to allocate. The phase's recorder counts from `start`.
    #[must_use]
    pub fn new(bench: Bench<'a>, phase: Phase, start: Duration) -> Self {
        let plan = crate::measure::Plan { start, ..phase.plan };
        let (requests, in_flight) = (plan.requests as usize, plan.in_flight as usize);
        // Each request brings its tokens, a start and an end; one step at most two events a sequence beyond tokens.
        let events = (requests * (plan.output_tokens as usize + 2)).min(INBOX.max(8 * in_flight)) + 8;
        bench.inbox.attach(2 * events);
        bench.control.attach();
        Self {
            pacer: Pacer::new(bench.clock),
            bench,
            start,
            show: phase.kind == PhaseKind::Measured,
            requests: phase.requests.into_iter(),
            arrivals: phase.arrivals,
            stop: phase.stop,
            timeout: plan.timeout,
            recorder: Recorder::new(plan),
            deadlines: VecDeque::with_capacity(requests),
            batch: Vec::with_capacity(in_flight),
            events: Vec::with_capacity(2 * events),
            issued: 0,
            owed: 0,
            down: false,
        }
    }

    /// The clock it runs by.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        self.bench.clock
    }

    /// Waits for an instant; false if the trial is cancelled first.
    pub fn wait_until(&mut self, wake: Wake) -> bool {
        let (Wake::Exactly(until) | Wake::After(until)) = wake else { return true };
        while !self.bench.control.is_cancelled() {
            if self.bench.clock.now() >= until {
                return true;
            }
            self.pacer.wait(wake, self.bench.engine);
        }
        false
    }

    /// Offers the whole phase. `on_started` is called once, after the first turn has sent what was due.
    pub fn run(&mut self, on_started: &mut dyn FnMut(Duration)) -> DriveEnd {
        let mut on_started = Some(on_started);
        loop {
            let now = self.bench.clock.now();
            self.absorb();
            self.expire(now);
            self.send(now);
            if let Some(tell) = on_started.take() {
                tell(now);
            }
            self.show();
            if self.bench.control.is_cancelled() {
                self.abandon(now);
                return DriveEnd::Cancelled;
            }
            match self.stop.ask(self.tally()) {
                Answer::GoOn => self.pacer.wait(self.wake(), self.bench.engine),
                Answer::Done => return DriveEnd::Done,
                Answer::Failed(reason) => return DriveEnd::Failed(reason),
            }
        }
    }

    /// Waits until the engine has let go of everything it was given; false if it does not.
    pub fn settle(&mut self) -> bool {
        let limit = self.bench.clock.now() + SETTLE;
        while self.owed > 0 && self.bench.clock.now() < limit {
            self.pacer.wait(Wake::After(limit), self.bench.engine);
            self.absorb();
        }
        self.owed == 0
    }

    /// The recorder, when all is over.
    #[must_use]
    pub fn into_recorder(self) -> Recorder {
        self.recorder
    }

    fn tally(&self) -> Tally {
        Tally { ended: self.recorder.outcomes().ended(), engine_down: self.down }
    }

    fn show(&self) {
        if self.show {
            let recorder = &self.recorder;
            let (tokens, late) = (recorder.tokens_so_far(), recorder.latest_ns());
            self.bench.control.show(self.issued, recorder.outcomes(), tokens, late);
        }
    }

    /// When the next turn is needed without being called: the next request, or the next deadline.
    fn wake(&self) -> Wake {
        let due = self.arrivals.peek().filter(|_| self.requests.len() > 0).map(|at| self.start + at);
        let deadline = self.deadlines.front().map(|(at, _)| *at);
        match (due, deadline) {
            (Some(due), Some(deadline)) if deadline < due => Wake::After(deadline),
            (Some(due), _) => Wake::Exactly(due),
            (None, Some(deadline)) => Wake::After(deadline),
            (None, None) => Wake::Called,
        }
    }

    /// Takes in what has happened since the last turn.
    fn absorb(&mut self) {
        self.events.clear();
        self.bench.inbox.take(&mut self.events);
        for at in 0..self.events.len() {
            let Stamped { at, event } = self.events[at];
            match event {
                EngineEvent::Ended { .. } => self.owed = self.owed.saturating_sub(1),
                EngineEvent::Down => self.break_down(at),
                EngineEvent::Started { .. } | EngineEvent::Token { .. } => {}
            }
            let ended = self.recorder.event(at, event);
            self.free(ended);
        }
    }

    /// In a closed loop an end is when another request is due.
    fn free(&mut self, ended: Option<Ended>) {
        if let Some(ended) = ended {
            self.arrivals.ended(ended.at.saturating_sub(self.start));
        }
    }

    fn break_down(&mut self, at: Duration) {
        self.down = true;
        self.owed = 0;
        for (_, index) in self.deadlines.drain(..) {
            self.recorder.end(index, Outcome::Failed, at);
        }
    }

    /// Cancels what is not done in time.
    fn expire(&mut self, now: Duration) {
        while let Some(&(deadline, index)) = self.deadlines.front() {
            let in_flight = self.recorder.is_in_flight(index);
            if in_flight && deadline > now {
                return;
            }
            self.deadlines.pop_front();
            if in_flight {
                self.bench.engine.cancel(index);
                let ended = self.recorder.end(index, Outcome::TimedOut, now);
                self.free(ended);
            }
        }
    }

    /// Sends what is due, all of it visible to the engine at once.
    fn send(&mut self, now: Duration) {
        let offset = now.saturating_sub(self.start);
        while self.requests.len() > 0
            && let Some(intended) = self.arrivals.due(offset)
        {
            let request = self.requests.next().expect("there is one by the condition above");
            let prompt_tokens = u32::try_from(request.prompt.len()).unwrap_or(u32::MAX);
            let asked = Asked { prompt_tokens, output_tokens: request.max_new_tokens };
            self.recorder.sent(request.index, asked, self.start + intended, now);
            self.deadlines.push_back((self.start + intended + self.timeout, request.index));
            self.batch.push(request);
        }
        if !self.batch.is_empty() {
            self.hand_over(now);
        }
    }

    fn hand_over(&mut self, now: Duration) {
        let sent = self.batch.len() as u64;
        self.issued += sent;
        if self.bench.engine.submit(&mut self.batch).is_ok() {
            self.owed += sent;
        } else {
            self.batch.clear();
            self.break_down(now);
        }
    }

    fn abandon(&mut self, now: Duration) {
        for (_, index) in self.deadlines.drain(..) {
            if self.recorder.end(index, Outcome::Cancelled, now).is_some() {
                self.bench.engine.cancel(index);
            }
        }
    }
}
