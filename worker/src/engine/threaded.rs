//! A step thread around a stepper: requests and cancellations enter through a mailbox between
//! steps, and events leave through the sink. The thread sleeps when there is nothing to do. It must
//! not know what a step does.
//!
//! ```text
//! idle ──command──▶ take commands ──work──▶ step ──▶ take commands …
//!   ▲                    │ none left                    │ panic
//!   └────────────────────┘                            down
//! ```

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{
    Counters, Ending, Engine, EngineError, EngineEvent, EngineRequest, ErrorKind, StepLoad,
    StepSink, WindowStart,
};

/// Does the steps. Used by one thread only.
pub(super) trait Stepper {
    /// Accepts a request, or returns why not.
    fn submit(&mut self, request: EngineRequest) -> Result<(), ErrorKind>;

    /// Drops a request; returns whether it was held.
    fn cancel(&mut self, index: u32) -> bool;

    /// The measured window begins.
    fn begin_window(&mut self, window: WindowStart);

    /// Whether a step would do nothing.
    fn is_idle(&self) -> bool;

    /// One step; appends what happened.
    fn step(&mut self, events: &mut Vec<EngineEvent>, mailbox: &Mailbox) -> StepLoad;
}

/// Turns text into tokens, on the caller's thread.
pub(super) type Encode = Box<dyn Fn(&str) -> Result<Vec<u32>, EngineError> + Send>;

/// An engine with its own step thread.
pub(super) struct Threaded {
    mailbox: Mailbox,
    encode: Encode,
    thread: Option<JoinHandle<()>>,
}

/// The mailbox, shared by both sides, and the request to end.
#[derive(Clone)]
pub(super) struct Mailbox(Arc<Shared>);

struct Shared {
    pending: Mutex<Pending>,
    bell: Condvar,
    counters: Mutex<Counters>,
    down: AtomicBool,
}

struct Pending {
    commands: Vec<Command>,
    halt: bool,
}

enum Command {
    Submit(EngineRequest),
    Cancel(u32),
    BeginWindow(WindowStart),
}

/// State of the step thread. From the start the buffers have room for all requests in flight and do
/// not grow. Data of one request (its prompt, its list of cache pages) is allocated and freed with
/// the request.
struct Loop<S> {
    stepper: S,
    sink: Box<dyn StepSink>,
    mailbox: Mailbox,
    commands: Vec<Command>,
    events: Vec<EngineEvent>,
}

impl Threaded {
    /// Starts the thread; `make` builds the stepper on it. `in_flight` sizes the buffers.
    pub(super) fn start<S: Stepper + 'static>(
        make: impl FnOnce() -> S + Send + 'static,
        encode: Encode,
        sink: Box<dyn StepSink>,
        in_flight: usize,
    ) -> std::io::Result<Self> {
        let mailbox = Mailbox::new(in_flight);
        let inner = mailbox.clone();
        let thread = std::thread::Builder::new()
            .name("engine".to_owned())
            .spawn(move || {
                crate::os::sharpen_timers();
                Loop::new(make(), sink, inner, in_flight).run();
            })?;
        Ok(Self {
            mailbox,
            encode,
            thread: Some(thread),
        })
    }
}

impl Engine for Threaded {
    fn submit(&mut self, batch: &mut Vec<EngineRequest>) -> Result<(), EngineError> {
        if self.mailbox.0.down.load(Ordering::Acquire) {
            return Err(EngineError::Down);
        }
        self.mailbox.send(batch.drain(..).map(Command::Submit));
        Ok(())
    }

    fn cancel(&mut self, index: u32) {
        self.mailbox.send([Command::Cancel(index)]);
    }

    fn begin_window(&mut self, window: WindowStart) {
        self.mailbox.send([Command::BeginWindow(window)]);
    }

    fn counters(&self) -> Counters {
        *lock(&self.mailbox.0.counters)
    }

    fn encode(&self, text: &str) -> Result<Vec<u32>, EngineError> {
        (self.encode)(text)
    }
}

impl Drop for Threaded {
    fn drop(&mut self) {
        lock(&self.mailbox.0.pending).halt = true;
        self.mailbox.0.bell.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic has already been reported as `Down`.
            let _ = thread.join();
        }
    }
}

impl Mailbox {
    fn new(in_flight: usize) -> Self {
        let pending = Pending {
            commands: Vec::with_capacity(2 * in_flight + 8),
            halt: false,
        };
        Self(Arc::new(Shared {
            pending: Mutex::new(pending),
            bell: Condvar::new(),
            counters: Mutex::default(),
            down: AtomicBool::new(false),
        }))
    }

    /// Sleeps for `time`, or until the engine is dropped.
    pub(super) fn sleep(&self, time: Duration) {
        let until = Instant::now() + time;
        let mut pending = lock(&self.0.pending);
        while !pending.halt {
            let Some(rest) = until
                .checked_duration_since(Instant::now())
                .filter(|rest| !rest.is_zero())
            else {
                return;
            };
            pending = self
                .0
                .bell
                .wait_timeout(pending, rest)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    fn send(&self, commands: impl IntoIterator<Item = Command>) {
        lock(&self.0.pending).commands.extend(commands);
        self.0.bell.notify_all();
    }

    /// Waits for commands if `idle`, and swaps them into `commands`; false when the thread is to
    /// end.
    fn receive(&self, commands: &mut Vec<Command>, idle: bool) -> bool {
        let mut pending = lock(&self.0.pending);
        while idle && pending.commands.is_empty() && !pending.halt {
            pending = self
                .0
                .bell
                .wait(pending)
                .unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::swap(&mut pending.commands, commands);
        !pending.halt
    }
}

impl<S: Stepper> Loop<S> {
    fn new(stepper: S, sink: Box<dyn StepSink>, mailbox: Mailbox, in_flight: usize) -> Self {
        let commands = Vec::with_capacity(2 * in_flight + 8);
        Self {
            stepper,
            sink,
            mailbox,
            commands,
            events: Vec::with_capacity(4 * in_flight + 8),
        }
    }

    fn run(mut self) {
        let mailbox = self.mailbox.clone();
        if catch_unwind(AssertUnwindSafe(|| while self.turn() {})).is_err() {
            mailbox.0.down.store(true, Ordering::Release);
            self.sink.happened(&[EngineEvent::Down]);
        }
    }

    /// Handles the commands, then runs a step if there is work; false when the thread is to end.
    fn turn(&mut self) -> bool {
        if !self
            .mailbox
            .receive(&mut self.commands, self.stepper.is_idle())
        {
            return false;
        }
        self.obey();
        if !self.stepper.is_idle() {
            self.sink.begins();
            let load = self.stepper.step(&mut self.events, &self.mailbox);
            lock(&self.mailbox.0.counters).step(load);
            self.tell();
        }
        true
    }

    /// Refusals and cancellations are reported at once, not after the next step.
    fn obey(&mut self) {
        for command in self.commands.drain(..) {
            match command {
                Command::Submit(request) => {
                    let index = request.index;
                    if let Err(kind) = self.stepper.submit(request) {
                        self.events.push(EngineEvent::Ended {
                            index,
                            ending: Ending::Refused(kind),
                        });
                    }
                }
                Command::Cancel(index) => {
                    if self.stepper.cancel(index) {
                        self.events.push(EngineEvent::Ended {
                            index,
                            ending: Ending::Cancelled,
                        });
                    }
                }
                Command::BeginWindow(window) => {
                    *lock(&self.mailbox.0.counters) = Counters::default();
                    self.stepper.begin_window(window);
                }
            }
        }
        self.tell();
    }

    fn tell(&mut self) {
        if !self.events.is_empty() {
            self.sink.happened(&self.events);
            self.events.clear();
        }
    }
}

/// No operation under these locks leaves data half-written, so a poisoned lock is safe to use.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    struct Fragile(Vec<EngineRequest>);

    struct Teller(Sender<EngineEvent>);

    impl Stepper for Fragile {
        fn submit(&mut self, request: EngineRequest) -> Result<(), ErrorKind> {
            self.0.push(request);
            Ok(())
        }

        fn cancel(&mut self, _: u32) -> bool {
            false
        }

        fn begin_window(&mut self, _: WindowStart) {}

        fn is_idle(&self) -> bool {
            self.0.is_empty()
        }

        fn step(&mut self, _: &mut Vec<EngineEvent>, _: &Mailbox) -> StepLoad {
            // Not `panic!`, which would print a message: only unwinding is needed here.
            std::panic::resume_unwind(Box::new("broken on purpose"))
        }
    }

    impl StepSink for Teller {
        fn begins(&mut self) {}

        fn happened(&mut self, events: &[EngineEvent]) {
            events
                .iter()
                .for_each(|event| self.0.send(*event).expect("the test listens"));
        }

        fn arrived(&mut self, _: Duration, events: &[EngineEvent]) {
            self.happened(events);
        }
    }

    #[test]
    fn an_engine_that_breaks_says_so_and_takes_nothing_more() {
        let (tell, told) = channel();
        let encode: Encode = Box::new(|_| Ok(Vec::new()));
        let mut engine = Threaded::start(|| Fragile(Vec::new()), encode, Box::new(Teller(tell)), 1)
            .expect("it starts");
        let request = EngineRequest {
            index: 0,
            prompt: [1].into(),
            max_new_tokens: 1,
        };
        engine
            .submit(&mut vec![request.clone()])
            .expect("it still runs");
        assert_eq!(told.recv(), Ok(EngineEvent::Down));
        let mut batch = vec![request];
        assert_eq!(engine.submit(&mut batch), Err(EngineError::Down));
        assert_eq!(batch.len(), 1);
    }
}
