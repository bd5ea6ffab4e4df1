//! Releases N requests into the batcher at one instant, and records when each started and finished.
//! Owns the clock of the measured window. A failed request has no times, only a reason. Must not
//! know how results are shown.

use std::time::{Duration, Instant};

use inference::batcher::Batcher;
use inference::request::{Event, Request};
use inference::sampling::Sampling;

use super::machine;

/// The measured window: from the release of all requests to the end of the last one.
#[derive(Debug)]
pub(crate) struct Burst {
    /// In order of release.
    pub(crate) requests: Vec<Fate>,
    pub(crate) wall: Duration,
    /// Processor time spent in the window, if the kernel reports it.
    pub(crate) cpu: Option<Duration>,
}

/// Outcome of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Answered(Answer),
    /// Refused or failed, with the engine's reason.
    Failed(String),
}

/// An answered request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Time from the release to the first work on it.
    pub(crate) wait: Duration,
    /// Time from the first work on it to its last token.
    pub(crate) inference: Duration,
    pub(crate) tokens: Vec<u32>,
}

/// A request in progress.
#[derive(Default)]
struct Progress {
    started: Duration,
    tokens: Vec<u32>,
    fate: Option<Fate>,
}

/// Releases `concurrent` equal requests together and works until none is left. Each generates
/// exactly `max_tokens` tokens, so that all runs do the same work.
pub(crate) fn run(
    batcher: &mut Batcher,
    prompt: &[u32],
    concurrent: usize,
    max_tokens: usize,
) -> Burst {
    let room = || Progress {
        tokens: Vec::with_capacity(max_tokens),
        ..Progress::default()
    };
    let mut progress: Vec<Progress> = (0..concurrent).map(|_| room()).collect();
    let requests: Vec<Request> = (0..concurrent)
        .map(|id| request(id, prompt, max_tokens))
        .collect();
    let mut events = Vec::with_capacity(4 * concurrent);
    let cpu = machine::cpu();
    let released = Instant::now();
    for (request, progress) in requests.into_iter().zip(&mut progress) {
        if let Err(refusal) = batcher.submit(request) {
            progress.fate = Some(Fate::Failed(refusal.to_string()));
        }
    }
    while !batcher.is_idle() {
        batcher.begin_step(&mut events);
        note(&mut events, released.elapsed(), &mut progress);
        batcher.compute();
        batcher.finish_step(&mut events);
        note(&mut events, released.elapsed(), &mut progress);
    }
    let wall = released.elapsed();
    let cpu = machine::cpu()
        .zip(cpu)
        .map(|(after, before)| after.saturating_sub(before));
    let lost = || Fate::Failed("the engine lost it".to_owned());
    let requests = progress
        .into_iter()
        .map(|progress| progress.fate.unwrap_or_else(lost))
        .collect();
    Burst {
        requests,
        wall,
        cpu,
    }
}

fn request(id: usize, prompt: &[u32], max_new_tokens: usize) -> Request {
    Request {
        id: id as u64,
        prompt: prompt.to_vec(),
        max_new_tokens,
        sampling: Sampling::Greedy,
        stop_on_eos: false,
    }
}

fn note(events: &mut Vec<Event>, now: Duration, progress: &mut [Progress]) {
    for event in events.drain(..) {
        match event {
            Event::Started { id } => progress[id as usize].started = now,
            Event::Token { id, token } => progress[id as usize].tokens.push(token),
            Event::Finished { id, .. } => progress[id as usize].finish(now),
            Event::Failed { id, fault } => {
                progress[id as usize].fate = Some(Fate::Failed(fault.to_string()));
            }
        }
    }
}

impl Progress {
    fn finish(&mut self, now: Duration) {
        let (wait, tokens) = (self.started, std::mem::take(&mut self.tokens));
        self.fate = Some(Fate::Answered(Answer {
            wait,
            inference: now - wait,
            tokens,
        }));
    }
}

impl Answer {
    /// Time that the user waited: wait + inference.
    pub(crate) fn total(&self) -> Duration {
        self.wait + self.inference
    }
}

impl Burst {
    /// The answered requests, in order of release.
    pub(crate) fn answers(&self) -> impl Iterator<Item = &Answer> {
        self.requests.iter().filter_map(|fate| match fate {
            Fate::Answered(answer) => Some(answer),
            Fate::Failed(_) => None,
        })
    }
}
