//! An engine that receives commands and reports events, over any transport. Commands go into a
//! queue, so that the load never waits for the engine; events come from the transport's own thread.
//! Owns the engine's side of both; must not know any transport.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use contract::engine::{Asked, Heard, Open, Ready, Said, VERSION};
use contract::message::{Failure, FailureKind, LoadReport};
use contract::text;

use super::held::{Held, Nonsense};
use super::process::Process;
use super::{Setting, failure};
use crate::engine::{
    Counters, Ending, Engine, EngineError, EngineEvent, EngineRequest, ErrorKind, Opened, StepSink,
    Time, WindowStart, sim,
};

/// How long the engine may take to turn a text into tokens.
const ENCODING: Duration = Duration::from_secs(60);

/// Pause between two checks whether an engine that does not answer is still running.
const LOOK: Duration = Duration::from_millis(10);

/// Why there is no answer.
#[derive(Clone, Copy)]
enum Gone {
    Down,
    Late,
}

/// Takes a message; without a receiver the engine is gone, which the transport reports.
pub(super) type Say = Box<dyn Fn(Said) + Send>;

/// The engine's end.
struct Spoken {
    say: Say,
    shared: Arc<Shared>,
    encodes: Encodes,
}

/// Who turns texts into tokens.
enum Encodes {
    /// The engine; its answers arrive here.
    Engine(Receiver<Vec<u32>>),
    /// Nobody: each word is one of so many tokens.
    Words { vocabulary: u32 },
}

/// State shared by both ends.
pub(super) struct Shared {
    held: Mutex<Held>,
    sink: Mutex<Box<dyn StepSink>>,
    time: Arc<dyn Time>,
    ready: SyncSender<Ready>,
    encoded: SyncSender<Vec<u32>>,
    /// Nothing can be asked any more.
    down: AtomicBool,
    /// Nobody wants to know any more.
    over: AtomicBool,
}

/// Answers for which the opening thread waits. One answer at a time is requested; further ones are
/// dropped.
pub(super) struct Awaited {
    ready: Receiver<Ready>,
    encoded: Receiver<Vec<u32>>,
}

/// The first message.
pub(super) fn greeting(setting: &Setting<'_>) -> Said {
    Said::Open(Open {
        protocol: VERSION,
        concurrency: setting.demand.concurrency,
        tokens_per_request: setting.demand.tokens_per_request,
        model: setting.spec.model.clone(),
        threads: u32::try_from(setting.threads).unwrap_or(u32::MAX),
    })
}

impl Shared {
    pub(super) fn new(sink: Box<dyn StepSink>, time: Arc<dyn Time>) -> (Arc<Self>, Awaited) {
        let (ready, opened) = sync_channel(1);
        let (encoded, texts) = sync_channel(1);
        let shared = Self {
            held: Mutex::default(),
            sink: Mutex::new(sink),
            time,
            ready,
            encoded,
            down: AtomicBool::new(false),
            over: AtomicBool::new(false),
        };
        let awaited = Awaited {
            ready: opened,
            encoded: texts,
        };
        (Arc::new(shared), awaited)
    }

    /// Waits for an answer while the engine is running, at most for this long.
    fn answer<T>(&self, answers: &Receiver<T>, most: Duration) -> Result<T, Gone> {
        let until = Instant::now() + most;
        loop {
            // Its last messages come before its end.
            let down = self.down.load(Ordering::Acquire);
            match answers.recv_timeout(LOOK) {
                Ok(answer) => return Ok(answer),
                Err(_) if down => return Err(Gone::Down),
                Err(_) if Instant::now() > until => return Err(Gone::Late),
                Err(_) => {}
            }
        }
    }

    /// The time now: for a message that has arrived and is not decoded yet.
    pub(super) fn now(&self) -> Duration {
        self.time.now()
    }

    /// Takes in what happened together and appends it to `events`.
    pub(super) fn hear(&self, heard: Heard, events: &mut Vec<EngineEvent>) -> Result<(), Nonsense> {
        lock(&self.held).hear(&heard, events)?;
        // Whoever waited may have given up.
        if let Some(ready) = heard.ready {
            drop(self.ready.try_send(ready));
        }
        match heard.encoded.map(|tokens| self.encoded.try_send(tokens)) {
            Some(Err(_)) => Err(Nonsense::Unasked),
            Some(Ok(())) | None => Ok(()),
        }
    }

    /// Passes on the events of a message that arrived at this time.
    pub(super) fn tell(&self, at: Duration, events: &mut Vec<EngineEvent>) {
        if !events.is_empty() && !self.over.load(Ordering::Acquire) {
            lock(&self.sink).arrived(at, events);
        }
        events.clear();
    }

    /// Ends the engine for this reason.
    pub(super) fn ends(&self, complaint: String) {
        self.down.store(true, Ordering::Release);
        lock(&self.held).complain(|| complaint);
        if !self.over.load(Ordering::Acquire) {
            lock(&self.sink).happened(&[EngineEvent::Down]);
        }
    }

    /// The message for the engine, if anything is left of it: invalid requests are refused here,
    /// and the engine never sees them.
    pub(super) fn sensible(&self, said: Said) -> Option<Said> {
        let Said::Submit(batch) = said else {
            return Some(said);
        };
        let (sound, senseless): (Vec<_>, Vec<_>) = batch.into_iter().partition(makes_sense);
        let refused: Vec<EngineEvent> = senseless
            .iter()
            .map(|asked| EngineEvent::Ended {
                index: asked.index,
                ending: Ending::Refused(ErrorKind::Invalid),
            })
            .collect();
        if !refused.is_empty() {
            lock(&self.sink).happened(&refused);
        }
        (!sound.is_empty()).then_some(Said::Submit(sound))
    }
}

fn makes_sense(asked: &Asked) -> bool {
    !asked.prompt.is_empty() && asked.max_new_tokens > 0
}

/// The engine, once it has reported itself as ready within the plan's limit.
pub(super) fn opened(
    say: Say,
    shared: Arc<Shared>,
    awaited: Awaited,
    process: Option<&mut Process>,
    setting: &Setting<'_>,
) -> Result<Opened, Failure> {
    // If it is dropped because of an error, the transport ends.
    let mut engine = Spoken {
        say,
        shared,
        encodes: Encodes::Engine(awaited.encoded),
    };
    let said = engine.shared.answer(&awaited.ready, setting.spec.start);
    let ready = said.map_err(|gone| not_ready(gone, &engine.shared, process, setting))?;
    if ready.protocol != VERSION {
        let message = format!(
            "the server of {} speaks version {} of the engine protocol and this worker version {VERSION}: \
             say `protocol` {VERSION} when it is ready",
            setting.spec.variant, ready.protocol
        );
        return Err(failure(FailureKind::BadAssignment, message));
    }
    if !ready.encodes {
        let vocabulary = ready.vocabulary.max(1);
        engine.encodes = Encodes::Words { vocabulary };
    }
    let name = |name: &str| text::line(name, text::NAME).into_owned();
    Ok(Opened {
        engine: Box::new(engine),
        report: LoadReport {
            model_digest: name(&ready.model_digest),
            parameters: ready.parameters,
            weight_bytes: ready.weight_bytes,
            max_context: ready.max_context,
            threads: ready.threads,
            ..LoadReport::default()
        },
        kernels: name(&ready.engine),
        processors: Vec::new(),
        family: None,
    })
}

fn not_ready(
    gone: Gone,
    shared: &Shared,
    process: Option<&mut Process>,
    setting: &Setting<'_>,
) -> Failure {
    let why = match gone {
        Gone::Late => super::overdue(setting),
        Gone::Down => {
            let complaint = lock(&shared.held).complaint();
            format!("was not ready: it {}", complaint.unwrap_or_default())
        }
    };
    super::unready(&why, process, setting)
}

impl Engine for Spoken {
    fn submit(&mut self, batch: &mut Vec<EngineRequest>) -> Result<(), EngineError> {
        if self.shared.down.load(Ordering::Acquire) {
            return Err(EngineError::Down);
        }
        let asked: Vec<Asked> = batch
            .drain(..)
            .map(|request| Asked {
                index: request.index,
                prompt: request.prompt,
                max_new_tokens: request.max_new_tokens,
            })
            .collect();
        let mut held = lock(&self.shared.held);
        let sound = asked.iter().filter(|asked| makes_sense(asked));
        sound.for_each(|asked| held.take(asked.index, asked.max_new_tokens));
        drop(held);
        (self.say)(Said::Submit(asked));
        Ok(())
    }

    fn cancel(&mut self, index: u32) {
        if lock(&self.shared.held).cancel(index) {
            (self.say)(Said::Cancel(index));
        }
    }

    fn begin_window(&mut self, _: WindowStart) {
        lock(&self.shared.held).begin_window();
        (self.say)(Said::Window {});
    }

    fn counters(&self) -> Counters {
        lock(&self.shared.held).counters()
    }

    fn encode(&self, text: &str) -> Result<Vec<u32>, EngineError> {
        match &self.encodes {
            Encodes::Words { vocabulary } => Ok(sim::words(text, *vocabulary)),
            Encodes::Engine(answers) => {
                (self.say)(Said::Encode(text.to_owned()));
                let answer = self.shared.answer(answers, ENCODING);
                answer.map_err(|gone| match gone {
                    Gone::Down => EngineError::Down,
                    Gone::Late => EngineError::Encode {
                        reason: format!(
                            "the engine did not answer within {} s",
                            ENCODING.as_secs()
                        ),
                    },
                })
            }
        }
    }

    fn complaint(&self) -> Option<String> {
        lock(&self.shared.held).complaint()
    }
}

impl Drop for Spoken {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Release);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
