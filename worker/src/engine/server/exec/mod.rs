//! An engine behind standard input and output: two threads, one for each direction, so that neither
//! the load nor the engine ever waits for the other. Time stamps are those of the bytes' arrival.
//! Owns the threads; the lines are in [`words`], and their meaning is in [`held`].

mod held;
mod words;

use std::io::Write;
use std::process::{ChildStdin, ChildStdout};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use contract::message::{Failure, FailureKind, LoadReport};
use contract::text;

use super::process::Process;
use super::{Setting, failure};
use crate::engine::{
    Counters, Ending, Engine, EngineError, EngineEvent, EngineRequest, ErrorKind, Opened, StepSink,
    WindowStart, sim,
};
use held::Held;
use words::{Asked, Lines, Ready, Said, VERSION};

/// How long the engine may take to turn a text into tokens.
const ENCODING: Duration = Duration::from_secs(60);

/// An engine behind pipes.
struct Piped {
    to: Sender<Out>,
    shared: Arc<Shared>,
    encodes: Encodes,
}

/// How texts become tokens.
enum Encodes {
    /// By the engine; its answers arrive here.
    Engine(Receiver<Vec<u32>>),
    /// Without the engine: each word is one of this number of tokens.
    Words { vocabulary: u32 },
}

/// What the writing thread writes.
enum Out {
    Submit(Vec<EngineRequest>),
    Cancel(u32),
    Window,
    Encode(String),
}

struct Shared {
    held: Mutex<Held>,
    sink: Mutex<Box<dyn StepSink>>,
    /// The engine is down; nothing can be requested any more.
    down: AtomicBool,
    /// The engine was dropped; events are no longer needed.
    over: AtomicBool,
}

/// What the reading thread sends to the thread that opens the engine.
struct Heard {
    ready: SyncSender<Ready>,
    encoded: SyncSender<Vec<u32>>,
}

/// Opens the engine of this process.
pub(super) fn open(
    process: &mut Process,
    setting: &Setting<'_>,
    sink: Box<dyn StepSink>,
) -> Result<Opened, Failure> {
    let (stdin, stdout) = process.pipes().expect("they are piped, and taken once");
    let shared = Arc::new(Shared {
        held: Mutex::default(),
        sink: Mutex::new(sink),
        down: AtomicBool::new(false),
        over: AtomicBool::new(false),
    });
    // One answer at a time is requested; further ones are dropped.
    let (ready, opened) = sync_channel(1);
    let (encoded, texts) = sync_channel(1);
    let (to, orders) = channel();
    let mut first = Vec::new();
    Said::Open {
        protocol: VERSION,
        concurrency: setting.demand.concurrency,
        tokens_per_request: setting.demand.tokens_per_request,
        model: &setting.spec.model,
        threads: setting.threads,
    }
    .write(&mut first);
    let (reading, writing) = (Arc::clone(&shared), Arc::clone(&shared));
    let heard = Heard { ready, encoded };
    let threads = thread(move || reading.read(stdout, heard))
        .and_then(|()| thread(move || writing.write(stdin, first, &orders)));
    threads.map_err(|error| {
        let message = format!("the engine's threads could not be started: {error}");
        failure(FailureKind::Engine, message)
    })?;
    // If it is dropped because of an error, both threads end.
    let mut engine = Piped {
        to,
        shared,
        encodes: Encodes::Engine(texts),
    };
    let ready = wait(&opened, process, setting, &engine.shared)?;
    if !ready.encodes {
        engine.encodes = Encodes::Words {
            vocabulary: ready.vocabulary.max(1),
        };
    }
    let name = |name: &str| text::line(name, text::NAME).into_owned();
    let report = LoadReport {
        model_digest: name(&ready.model_digest),
        parameters: ready.parameters,
        weight_bytes: ready.weight_bytes,
        max_context: ready.max_context,
        threads: ready.threads,
        ..LoadReport::default()
    };
    Ok(Opened {
        engine: Box::new(engine),
        report,
        kernels: name(&ready.engine),
        processors: Vec::new(),
        family: None,
    })
}

fn thread(work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    let thread = std::thread::Builder::new().name("engine".to_owned());
    thread.spawn(work).map(drop)
}

/// Waits until the engine is ready, at most for the plan's time.
fn wait(
    opened: &Receiver<Ready>,
    process: &mut Process,
    setting: &Setting<'_>,
    shared: &Shared,
) -> Result<Ready, Failure> {
    let (variant, start) = (&setting.spec.variant, setting.spec.start);
    let shown = process.shown().to_owned();
    match opened.recv_timeout(start) {
        Ok(ready) if ready.protocol == VERSION => Ok(ready),
        Ok(ready) => {
            let message = format!(
                "the server of {variant}, `{shown}`, speaks version {} of the exec protocol and this worker \
                 version {VERSION}: say `\"protocol\": {VERSION}` in its line `ready`",
                ready.protocol
            );
            Err(failure(FailureKind::BadAssignment, message))
        }
        Err(RecvTimeoutError::Timeout) => {
            let message = format!(
                "the server of {variant}, `{shown}`, was not ready within {} s{}; raise [server] start, or \
                 see whether it writes its line `ready`",
                start.as_secs_f64(),
                process.last_words()
            );
            Err(failure(FailureKind::Engine, message))
        }
        Err(RecvTimeoutError::Disconnected) => {
            let complaint = lock(&shared.held).complaint().unwrap_or_default();
            let why = match process.end() {
                Some(exit) => format!("ended before it was ready ({exit})"),
                None => format!("was not ready: it {complaint}"),
            };
            let message = format!(
                "the server of {variant}, `{shown}`, {why}{}; try that command by hand",
                process.last_words()
            );
            Err(failure(FailureKind::Engine, message))
        }
    }
}

impl Shared {
    /// The reading thread, until the output ends or a line is invalid.
    fn read(&self, stdout: ChildStdout, heard: Heard) {
        crate::os::sharpen_timers();
        let complaint = self.listen(Lines::new(stdout), &heard);
        self.down.store(true, Ordering::Release);
        lock(&self.held).complain(|| complaint);
        if !self.over.load(Ordering::Acquire) {
            lock(&self.sink).happened(&[EngineEvent::Down]);
        }
    }

    /// Reads until the end; returns its reason.
    fn listen(&self, mut lines: Lines<ChildStdout>, heard: &Heard) -> String {
        let (mut number, mut events) = (0_u64, Vec::with_capacity(1024));
        loop {
            match lines.read() {
                Ok(true) => lock(&self.sink).begins(),
                Ok(false) => return "closed its standard output".to_owned(),
                Err(error) => return format!("could not be read: {error}"),
            }
            let mut wrong = None;
            while let Some(line) = lines.next() {
                number += 1;
                let line = line.and_then(words::parse).map_err(|wrong| {
                    format!("broke the protocol: line {number} of its standard output {wrong}")
                });
                let done = line.and_then(|line| {
                    self.hear(line, heard, &mut events).map_err(|nonsense| {
                        format!("broke the protocol in line {number}: it {nonsense}")
                    })
                });
                if let Err(why) = done {
                    wrong = Some(why);
                    break;
                }
            }
            if !events.is_empty() && !self.over.load(Ordering::Acquire) {
                lock(&self.sink).arrived(&events);
            }
            events.clear();
            if let Some(wrong) = wrong {
                return wrong;
            }
        }
    }

    fn hear(
        &self,
        line: words::Line,
        heard: &Heard,
        events: &mut Vec<EngineEvent>,
    ) -> Result<(), held::Nonsense> {
        lock(&self.held).hear(&line, events)?;
        // The thread that waited may have given up.
        if let Some(ready) = line.ready {
            drop(heard.ready.try_send(ready));
        }
        match line.encoded.map(|tokens| heard.encoded.try_send(tokens)) {
            Some(Err(_)) => Err(held::Nonsense::Unasked),
            Some(Ok(())) | None => Ok(()),
        }
    }

    /// The writing thread, until there is nothing more to write or the engine has closed its input.
    fn write(&self, mut stdin: ChildStdin, mut bytes: Vec<u8>, orders: &Receiver<Out>) {
        loop {
            // The reading thread reports the end of the engine.
            if stdin
                .write_all(&bytes)
                .and_then(|()| stdin.flush())
                .is_err()
            {
                return;
            }
            bytes.clear();
            let Ok(order) = orders.recv() else { return };
            match order {
                Out::Submit(batch) => self.submit(&batch, &mut bytes),
                Out::Cancel(index) => Said::Cancel(index).write(&mut bytes),
                Out::Window => Said::Window {}.write(&mut bytes),
                Out::Encode(text) => Said::Encode(&text).write(&mut bytes),
            }
        }
    }

    /// Refuses invalid requests here; the engine never sees them.
    fn submit(&self, batch: &[EngineRequest], bytes: &mut Vec<u8>) {
        let (sound, senseless): (Vec<_>, Vec<_>) =
            batch.iter().partition(|request| request.makes_sense());
        let refused: Vec<EngineEvent> = senseless
            .iter()
            .map(|request| EngineEvent::Ended {
                index: request.index,
                ending: Ending::Refused(ErrorKind::Invalid),
            })
            .collect();
        if !refused.is_empty() {
            lock(&self.sink).happened(&refused);
        }
        if !sound.is_empty() {
            Said::Submit(sound.into_iter().map(Asked::from).collect()).write(bytes);
        }
    }
}

impl Engine for Piped {
    fn submit(&mut self, batch: &mut Vec<EngineRequest>) -> Result<(), EngineError> {
        if self.shared.down.load(Ordering::Acquire) {
            return Err(EngineError::Down);
        }
        let mut held = lock(&self.shared.held);
        let sound = batch.iter().filter(|request| request.makes_sense());
        sound.for_each(|request| held.take(request.index, request.max_new_tokens));
        drop(held);
        self.say(Out::Submit(batch.drain(..).collect()));
        Ok(())
    }

    fn cancel(&mut self, index: u32) {
        if lock(&self.shared.held).cancel(index) {
            self.say(Out::Cancel(index));
        }
    }

    fn begin_window(&mut self, _: WindowStart) {
        lock(&self.shared.held).begin_window();
        self.say(Out::Window);
    }

    fn counters(&self) -> Counters {
        lock(&self.shared.held).counters()
    }

    fn encode(&self, text: &str) -> Result<Vec<u32>, EngineError> {
        match &self.encodes {
            Encodes::Words { vocabulary } => Ok(sim::words(text, *vocabulary)),
            Encodes::Engine(answers) => {
                self.say(Out::Encode(text.to_owned()));
                let answer = answers.recv_timeout(ENCODING);
                answer.map_err(|error| match error {
                    RecvTimeoutError::Disconnected => EngineError::Down,
                    RecvTimeoutError::Timeout => EngineError::Encode {
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

impl Piped {
    /// Without a receiver the engine is gone, which the reading thread reports.
    fn say(&self, out: Out) {
        drop(self.to.send(out));
    }
}

impl Drop for Piped {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::Release);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
