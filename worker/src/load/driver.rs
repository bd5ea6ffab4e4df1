//! The loop that offers a phase to an engine: sends requests that are due, records events, and
//! cancels requests that took too long. One clock reading for each turn, so that sending, recording
//! and stopping never disagree about the time; nothing is allocated after the first turn. Must not
//! know why load has its shape or how figures are used.

use std::collections::VecDeque;
use std::time::Duration;

use contract::part::{Outcome, Sent};

use super::arrival::Arrivals;
use super::control::Control;
use super::inbox::{Inbox, Stamped};
use super::phase::{Phase, PhaseKind};
use super::requests::Requests;
use super::stop::{Answer, Reason, Stop, Tally};
use crate::engine::{Ending, Engine, EngineEvent, EngineRequest, ErrorKind, WindowStart};
use crate::measure::{Asked, Clock, Due, Ended, Pacer, Recorder, Wake};

/// How long an engine may take to release cancelled requests.
const SETTLE: Duration = Duration::from_secs(60);

/// The window is opened this long before its first request is due, so that reading the counters is
/// not part of it.
const LEAD: Duration = Duration::from_millis(5);

/// Greatest number of events that can wait between two turns of the driver without allocation.
const INBOX: usize = 1 << 16;

/// What a phase runs on.
pub struct Bench<'a> {
    /// The engine, idle.
    pub engine: &'a mut dyn Engine,
    /// Filled by the engine's sink.
    pub inbox: &'a Inbox,
    /// The clock that the sink reads.
    pub clock: &'a Clock,
    /// Cancels and observes.
    pub control: &'a Control,
}

/// How a phase ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriveEnd {
    /// As planned.
    Done,
    /// Cancelled.
    Cancelled,
    /// Failed early.
    Failed(Reason),
}

/// Events reported while a phase runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// The first turn has sent the requests that were due.
    Began,
    /// The window opens after a run-in: its first request is about to be due.
    Opens,
}

/// A running phase.
pub struct Driver<'a> {
    bench: Bench<'a>,
    pacer: Pacer,
    start: Duration,
    show: bool,
    /// Requests before the window.
    run_in: Requests,
    requests: Requests,
    /// Time from the start until the window opens.
    opens: Duration,
    /// Passed to the engine when the window opens; `None` afterwards, or without a run-in.
    opening: Option<WindowStart>,
    arrivals: Arrivals,
    max_in_flight: u32,
    /// Whether the stop rule admits nothing more.
    over: bool,
    /// Time of the last turn in which a request that was due had to wait for the in-flight limit.
    held_at: Option<Duration>,
    /// When the last request ended.
    freed_at: Duration,
    stop: Stop,
    timeout: Duration,
    recorder: Recorder,
    /// Every request sent, by deadline; finished ones are dropped when their turn comes.
    deadlines: VecDeque<(Duration, u32)>,
    batch: Vec<EngineRequest>,
    events: Vec<Stamped>,
    /// Number of ends that the engine has not reported yet.
    owed: u64,
    down: bool,
    spoilt: bool,
}

impl<'a> Driver<'a> {
    /// Allocates everything. The load begins at `start`, and the window later by the phase's
    /// run-in.
    #[must_use]
    pub fn new(bench: Bench<'a>, phase: Phase, start: Duration) -> Self {
        let plan = crate::measure::RecordingPlan {
            start: start + phase.opens,
            ..phase.plan
        };
        let (requests, in_flight) = (
            (plan.requests + plan.run_in) as usize,
            plan.in_flight as usize,
        );
        // Each request has its tokens, a start and an end; a step has at most two events for each
        // sequence besides tokens.
        let events =
            (requests * (plan.output_tokens as usize + 2)).min(INBOX.max(8 * in_flight)) + 8;
        bench.inbox.attach(2 * events);
        bench.control.attach();
        Self {
            pacer: Pacer::new(bench.clock),
            bench,
            start,
            show: phase.kind == PhaseKind::Measured,
            run_in: phase.run_in,
            requests: phase.requests,
            opens: phase.opens,
            opening: phase.opening,
            arrivals: phase.arrivals,
            max_in_flight: plan.in_flight,
            over: false,
            held_at: None,
            freed_at: Duration::ZERO,
            stop: phase.stop,
            timeout: plan.timeout,
            recorder: Recorder::new(plan),
            deadlines: VecDeque::with_capacity(requests),
            batch: Vec::with_capacity(in_flight),
            events: Vec::with_capacity(2 * events),
            owed: 0,
            down: false,
            spoilt: false,
        }
    }

    /// Its clock.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        self.bench.clock
    }

    /// Waits for an instant; returns false if the trial is cancelled first.
    pub fn wait_until(&mut self, wake: Wake) -> bool {
        let (Wake::Exactly(until) | Wake::After(until)) = wake else {
            return true;
        };
        while !self.bench.control.is_cancelled() {
            if self.bench.clock.now() >= until {
                return true;
            }
            self.pacer.wait(wake, self.bench.engine);
        }
        false
    }

    /// Offers the whole phase. If its own stop rule ends it, the result is [`DriveEnd::Failed`] and
    /// requests in flight are cancelled.
    pub fn run(&mut self, on: &mut dyn FnMut(Mark, Duration)) -> DriveEnd {
        let mut began = false;
        loop {
            let now = self.bench.clock.now();
            self.absorb();
            self.expire(now);
            self.open(now, on);
            self.send(now);
            let tally = self.tally(now);
            self.over |= !self.stop.admits(tally.issued, tally.since);
            if !began {
                on(Mark::Began, now);
                began = true;
            }
            self.show();
            if self.bench.control.is_cancelled() {
                self.abandon(now);
                return DriveEnd::Cancelled;
            }
            match self.stop.ask(tally) {
                Answer::GoOn => self.pacer.wait(self.wake(), self.bench.engine),
                Answer::Done => return DriveEnd::Done,
                Answer::Failed(reason) => {
                    self.abandon(now);
                    return DriveEnd::Failed(reason);
                }
            }
        }
    }

    /// Waits until the engine has released all requests; returns false if it does not.
    pub fn settle(&mut self) -> bool {
        let limit = self.bench.clock.now() + SETTLE;
        while self.owed > 0 && self.bench.clock.now() < limit {
            self.pacer.wait(Wake::After(limit), self.bench.engine);
            self.absorb();
        }
        self.owed == 0
    }

    /// Lengths of the window's requests that were sent.
    #[must_use]
    pub fn sent(&self) -> Sent {
        self.requests.sent()
    }

    /// The recorder, when all is over.
    #[must_use]
    pub fn into_recorder(self) -> Recorder {
        self.recorder
    }

    fn tally(&self, now: Duration) -> Tally {
        let outcomes = self.recorder.outcomes();
        Tally {
            since: now.saturating_sub(self.start + self.opens),
            issued: outcomes.planned,
            ended: outcomes.ended(),
            not_ok: outcomes.not_ok(),
            in_flight: self.recorder.in_flight().into(),
            engine_down: self.down,
            spoilt: self.spoilt,
        }
    }

    fn show(&self) {
        if self.show {
            let recorder = &self.recorder;
            let (outcomes, tokens, late) = (
                recorder.outcomes(),
                recorder.tokens_so_far(),
                recorder.latest_ns(),
            );
            self.bench
                .control
                .show(outcomes.planned, outcomes, tokens, late);
        }
    }

    /// When the next turn is needed if no event comes: for the next request, or another deadline.
    fn wake(&self) -> Wake {
        let sending = !self.over && !self.is_full() && self.requests.left() > 0;
        let due = self
            .arrivals
            .peek()
            .filter(|_| sending)
            .map(|at| self.start + at);
        let deadline = self.deadlines.front().map(|(at, _)| *at);
        let opening = self.opening.map(|window| window.at.saturating_sub(LEAD));
        let over = self
            .stop
            .until()
            .map(|until| self.start + self.opens + until);
        let other = [deadline, opening, over.filter(|_| sending)]
            .into_iter()
            .flatten()
            .min();
        match (due, other) {
            (Some(due), Some(other)) if other < due => Wake::After(other),
            (Some(due), _) => Wake::Exactly(due),
            (None, Some(other)) => Wake::After(other),
            (None, None) => Wake::Called,
        }
    }

    /// Opens the window in time.
    fn open(&mut self, now: Duration, on: &mut dyn FnMut(Mark, Duration)) {
        if let Some(window) = self.opening.take_if(|window| window.at <= now + LEAD) {
            self.bench.engine.begin_window(window);
            on(Mark::Opens, now);
        }
    }

    /// Handles the events since the last turn.
    fn absorb(&mut self) {
        self.events.clear();
        self.bench.inbox.take(&mut self.events);
        for at in 0..self.events.len() {
            let Stamped { at, event } = self.events[at];
            match event {
                EngineEvent::Ended { ending, .. } => {
                    self.owed = self.owed.saturating_sub(1);
                    self.spoilt |= ending == Ending::Failed(ErrorKind::NotFinite);
                }
                EngineEvent::Down => self.break_down(at),
                _ => {}
            }
            let ended = self.recorder.event(at, event);
            self.free(ended);
        }
    }

    /// In a closed loop an end makes another request due; in any other loop it frees a place in
    /// flight.
    fn free(&mut self, ended: Option<Ended>) {
        if let Some(ended) = ended {
            self.freed_at = ended.at;
            self.arrivals.ended(ended.at.saturating_sub(self.start));
            if let Some(ttft) = ended.ttft {
                self.stop.answered(ttft);
            }
        }
    }

    fn break_down(&mut self, at: Duration) {
        self.down = true;
        self.owed = 0;
        for (_, index) in self.deadlines.drain(..) {
            self.recorder.end(index, Outcome::Failed, at);
        }
    }

    /// Cancels requests past their deadline.
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

    /// Sends the requests that are due, all of them visible to the engine at once.
    fn send(&mut self, now: Duration) {
        let offset = now.saturating_sub(self.start);
        while let Some((intended, request)) = self.next(offset) {
            let prompt_tokens = u32::try_from(request.prompt.len()).unwrap_or(u32::MAX);
            let asked = Asked {
                prompt_tokens,
                output_tokens: request.max_new_tokens,
            };
            let due = self.due(intended);
            self.recorder.sent(request.index, asked, due, now);
            self.deadlines
                .push_back((due.intended + self.timeout, request.index));
            self.batch.push(request);
        }
        if !self.batch.is_empty() {
            self.hand_over(now);
        }
    }

    /// The next request that is due and may be sent, with its intended time.
    fn next(&mut self, offset: Duration) -> Option<(Duration, EngineRequest)> {
        loop {
            let intended = self.arrivals.peek().filter(|at| *at <= offset)?;
            if self.is_full() {
                self.held_at = Some(offset);
                return None;
            }
            let since = intended.checked_sub(self.opens);
            self.over |= since
                .is_some_and(|since| !self.stop.admits(self.recorder.outcomes().planned, since));
            if self.over {
                return None;
            }
            self.arrivals.due(offset);
            let source = if since.is_some() {
                &mut self.requests
            } else {
                &mut self.run_in
            };
            match source.next() {
                Some(request) => return Some((intended, request)),
                // More requests than prepared would fit before the window, so this one waits until
                // it opens.
                None if since.is_none() => self.arrivals.ended(self.opens),
                None => return None,
            }
        }
    }

    /// A request that waited for the in-flight limit could not be sent before a place was free.
    fn due(&self, intended: Duration) -> Due {
        let held = self.held_at.is_some_and(|at| intended <= at);
        let intended = self.start + intended;
        Due {
            intended,
            possible: if held {
                intended.max(self.freed_at)
            } else {
                intended
            },
        }
    }

    fn is_full(&self) -> bool {
        self.recorder.in_flight() >= self.max_in_flight
    }

    fn hand_over(&mut self, now: Duration) {
        let sent = self.batch.len() as u64;
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
