//! The thread that owns all connections to a server: takes requests, runs each as a task, and
//! reports events to the sink. Must not know plans or HTTP.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::LocalSet;
use tokio::time::{sleep, timeout};

use super::answer::{Arrival, Whole};
use super::body::Bodies;
use super::counts::Counts;
use super::exchange::{self, Common, Document, Listener};
use super::fault::{Fault, Kind};
use super::link::{Link, Links};
use super::prompts::Prompts;
use crate::engine::{Ending, EngineEvent, EngineRequest, ErrorKind, StepSink, Time};

/// Maximum time for a document.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a process that is ending may still listen after its connections broke.
const ENDING: Duration = Duration::from_millis(50);

/// A command to the thread.
pub(super) enum Command {
    /// Fetches a document, and replies.
    Fetch(Fetch),
    /// Sends requests in this form from now on.
    Use(Form),
    /// Sends these requests.
    Submit(Vec<EngineRequest>),
}

/// A document to fetch.
pub(super) struct Fetch {
    pub(super) path: String,
    pub(super) body: Option<Vec<u8>>,
    pub(super) reply: SyncSender<Result<Document, Fault>>,
}

/// Bodies and prompts, shared by both threads.
pub(super) type Form = Arc<(Bodies, Prompts)>;

/// State shared by both threads.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) counts: Mutex<Counts>,
    /// Requests that have not ended.
    pub(super) held: Mutex<HashMap<u32, Arc<Mark>>>,
    pub(super) down: AtomicBool,
}

/// Whether a request was cancelled.
#[derive(Default)]
pub(super) struct Mark {
    pub(super) cancelled: AtomicBool,
    pub(super) bell: Notify,
}

/// The parts of a desk, which can move between threads; a desk cannot.
pub(super) struct Parts {
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) time: Arc<dyn Time>,
    pub(super) common: Common,
    pub(super) shared: Arc<Shared>,
    pub(super) sink: Box<dyn StepSink>,
}

/// State of the thread.
pub(super) struct Desk {
    links: Links,
    common: Common,
    shared: Arc<Shared>,
    sink: RefCell<Box<dyn StepSink>>,
    form: RefCell<Option<Form>>,
}

impl Desk {
    pub(super) fn new(parts: Parts) -> Self {
        Self {
            links: Links::new(parts.addresses, parts.time, parts.common.close),
            common: parts.common,
            shared: parts.shared,
            sink: RefCell::new(parts.sink),
            form: RefCell::default(),
        }
    }

    /// Runs until no sender of commands is left. Remaining tasks are then dropped, together with
    /// their connections.
    pub(super) async fn run(self, mut commands: UnboundedReceiver<Command>) {
        let desk = Rc::new(self);
        let tasks = LocalSet::new();
        let serve = async {
            while let Some(command) = commands.recv().await {
                match command {
                    Command::Use(form) => *desk.form.borrow_mut() = Some(form),
                    Command::Fetch(fetch) => {
                        tokio::task::spawn_local(desk.clone().fetch(fetch));
                    }
                    Command::Submit(requests) => requests.into_iter().for_each(|request| {
                        tokio::task::spawn_local(desk.clone().answer(request));
                    }),
                }
            }
        };
        tasks.run_until(serve).await;
    }

    async fn fetch(self: Rc<Self>, fetch: Fetch) {
        let document = exchange::document(&self.links, &self.common, &fetch.path, fetch.body);
        let document = timeout(PATIENCE, document).await.unwrap_or_else(|_| {
            Err(Kind::Cut.of(format!("{} took longer than {PATIENCE:?}", fetch.path)))
        });
        // The requesting thread may have given up.
        drop(fetch.reply.send(document));
    }

    async fn answer(self: Rc<Self>, request: EngineRequest) {
        let _watch = Watch(&self);
        let index = request.index;
        let Some(mark) = lock(&self.shared.held).get(&index).cloned() else {
            return;
        };
        if request.prompt.is_empty() || request.max_new_tokens == 0 {
            lock(&self.shared.held).remove(&index);
            return self.ended(index, Ending::Refused(ErrorKind::Invalid));
        }
        let asked = tokio::select! {
            biased;
            () = mark.bell.notified() => None,
            asked = self.ask(&request, &mark) => asked,
        };
        lock(&self.shared.held).remove(&index);
        if self.shared.down.load(Ordering::Acquire) {
            return;
        }
        match asked.filter(|_| !mark.cancelled.load(Ordering::Acquire)) {
            None => self.ended(index, Ending::Cancelled),
            Some(Ok((at, whole))) => {
                lock(&self.shared.counts).answered(whole.usage);
                let told = EngineEvent::Told {
                    index,
                    tokens: whole.tokens,
                    text: whole.text,
                };
                let ending = Ending::Finished;
                let events = [told, EngineEvent::Ended { index, ending }];
                self.sink.borrow_mut().arrived(at, &events);
            }
            Some(Err(fault)) => {
                lock(&self.shared.counts).failures.count(&fault);
                // Without a server, later requests would not measure it.
                match self.is_gone(&fault).await {
                    true => self.down(),
                    false => self.ended(index, fault.kind.ending()),
                }
            }
        }
    }

    /// `None` if the request cannot be sent at all.
    async fn ask(
        &self,
        request: &EngineRequest,
        mark: &Mark,
    ) -> Option<Result<(Duration, Whole), Fault>> {
        let form = self.form.borrow().clone()?;
        let (bodies, prompts) = &*form;
        let body = match bodies.of(request, prompts) {
            Ok(body) => body,
            Err(error) => return Some(Err(Kind::Rejected.of(error.to_string()))),
        };
        let mut telling = Telling {
            desk: self,
            index: request.index,
            mark,
        };
        let path = bodies.path();
        let asked = request.max_new_tokens;
        Some(exchange::ask(&self.links, &self.common, path, body, asked, &mut telling).await)
    }

    async fn is_gone(&self, fault: &Fault) -> bool {
        match fault.kind {
            Kind::Gone => true,
            Kind::Cut | Kind::NoEnd => {
                // A process that is ending may lose its connections before it stops listening.
                sleep(ENDING).await;
                self.links.is_gone().await
            }
            _ => false,
        }
    }

    /// Ends all requests: the engine is down.
    fn down(&self) {
        if !self.shared.down.swap(true, Ordering::AcqRel) {
            self.sink.borrow_mut().happened(&[EngineEvent::Down]);
        }
    }

    fn ended(&self, index: u32, ending: Ending) {
        if !self.shared.down.load(Ordering::Acquire) {
            let ended = EngineEvent::Ended { index, ending };
            self.sink.borrow_mut().happened(&[ended]);
        }
    }
}

/// Reports the events of one request to the sink.
struct Telling<'a> {
    desk: &'a Desk,
    index: u32,
    mark: &'a Mark,
}

impl Listener for Telling<'_> {
    fn begins(&mut self, link: &Link) {
        lock(&self.desk.shared.counts).begins(link.opened);
        let mut sink = self.desk.sink.borrow_mut();
        sink.begins();
        sink.happened(&[EngineEvent::Started { index: self.index }]);
    }

    fn arrives(&mut self, at: Duration, arrivals: &[Arrival]) {
        if self.mark.cancelled.load(Ordering::Acquire) {
            return;
        }
        let index = self.index;
        lock(&self.desk.shared.counts).counters.steps += arrivals.len() as u64;
        let mut sink = self.desk.sink.borrow_mut();
        for Arrival(tokens) in arrivals {
            let tokens = tokens.unwrap_or(0);
            sink.arrived(at, &[EngineEvent::Chunk { index, tokens }]);
        }
    }
}

/// Reports the engine as down if one of its tasks panics.
struct Watch<'a>(&'a Desk);

impl Drop for Watch<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() && !self.0.shared.down.swap(true, Ordering::AcqRel) {
            // The panic may have happened in the sink.
            if let Ok(mut sink) = self.0.sink.try_borrow_mut() {
                sink.happened(&[EngineEvent::Down]);
            }
        }
    }
}

/// No operation under these locks leaves data half-written.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
