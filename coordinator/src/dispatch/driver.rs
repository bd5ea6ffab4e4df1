//! The event loop of a run. Every source of events (sessions, timers, Ctrl-C) goes to the core one
//! event at a time, and its effects are performed before the next event. Decides nothing.

mod builds;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use contract::id::Attempt;
use contract::identity::Sha256;
use contract::message::ToPeer;
use contract::run::{BlockDone, Notice, RunHeader};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::core::Core;
use super::event::{
    Cause, Delivery, Effect, Ending, Event, LostAgent, PeerEnd, PeerId, ProgressEvent,
};
use super::job::{Binary, Job, RunIdentity};
use super::journal::{Journal, JournalError};
use crate::fleet::session::{Incoming, Peer, SessionEvent};

/// Time between the decision to start and the start instant: enough for the message to reach every
/// worker.
const START_MARGIN: Duration = Duration::from_millis(100);
/// Number of messages still handled after a deadline has passed: as many as can have been waiting
/// then. A peer that never stops sending therefore delays nothing.
const BACKLOG: u32 = 4096;

/// Sources of events.
pub struct Sources {
    /// Events of sessions.
    pub incoming: mpsc::Receiver<Incoming>,
    /// One message for each Ctrl-C.
    pub interrupts: mpsc::Receiver<()>,
    /// Agents that this program started and that have ended.
    pub agents: mpsc::Receiver<LostAgent>,
    /// Zero of the coordinator's clock; sessions use the same.
    pub epoch: Instant,
}

struct Driver<'a> {
    core: Core,
    /// Every open session.
    peers: BTreeMap<PeerId, Peer>,
    /// Builds that agents may fetch.
    binaries: BTreeMap<String, Binary>,
    /// Header of a run that does not exist yet.
    header: Option<RunHeader>,
    journal: Arc<dyn Journal>,
    epoch: Instant,
    show: &'a mut (dyn FnMut(ProgressEvent) + Send),
    /// Notices that are not durable yet.
    notices: Vec<Notice>,
}

/// Carries out a job until it ends for any reason. All committed blocks are durable when it
/// returns.
///
/// # Errors
/// When the journal fails in a way that the run cannot continue from.
pub async fn drive(
    job: Job,
    mut sources: Sources,
    journal: Arc<dyn Journal>,
    show: &mut (dyn FnMut(ProgressEvent) + Send),
) -> Result<Ending, JournalError> {
    let epoch = sources.epoch;
    let core = Core::new(&job, epoch.elapsed());
    let Job {
        binaries, header, ..
    } = job;
    let (peers, notices) = (BTreeMap::new(), Vec::new());
    let mut driver = Driver {
        core,
        peers,
        binaries,
        header,
        journal,
        epoch,
        show,
        notices,
    };
    let mut event = Event::Tick;
    let mut behind = 0;
    loop {
        if let Some(ending) = driver.feed(event).await {
            return Ok(match driver.write_notices().await {
                Ok(()) => ending,
                Err(error) => Ending {
                    cause: Cause::Store,
                    reason: error.to_string(),
                },
            });
        }
        let deadline = driver.core.deadline().map(|at| epoch + at);
        behind = if deadline.is_some_and(|at| at <= Instant::now()) {
            behind + 1
        } else {
            0
        };
        if behind > BACKLOG {
            event = Event::Tick;
            continue;
        }
        event = tokio::select! {
            // A worker's message that came before its deadline is handled before the deadline.
            biased;
            Some(()) = sources.interrupts.recv() => Event::Interrupt,
            // The exit of an agent explains more than the silence of its workers, which may have
            // been noticed first.
            Some(lost) = sources.agents.recv() => Event::AgentEnded(lost),
            Some(incoming) = sources.incoming.recv() => driver.translate(incoming),
            () = sleep_until(deadline) => Event::Tick,
        };
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

impl Driver<'_> {
    /// Translates a session event into an event of the core.
    fn translate(&mut self, incoming: Incoming) -> Event {
        let peer = PeerId(incoming.session);
        let end = match incoming.what {
            SessionEvent::Opened(hello, handle) => {
                self.peers.insert(peer, handle);
                return Event::PeerOpened { peer, hello };
            }
            SessionEvent::Said(message) => return Event::PeerSaid { peer, message },
            SessionEvent::ClockKnown => return Event::ClockKnown(peer),
            SessionEvent::ClockJumped(by) => return Event::ClockJumped { peer, by },
            SessionEvent::LatePart => return Event::LatePart,
            SessionEvent::Refused(line) => return Event::Info(line),
            SessionEvent::Closed => PeerEnd::Closed,
            SessionEvent::Silent => PeerEnd::Silent,
            SessionEvent::Unread => PeerEnd::Unread,
        };
        self.peers.remove(&peer);
        Event::PeerLeft { peer, end }
    }

    /// Feeds one event, and all events that follow from its effects. Returns the ending, once there
    /// is one.
    async fn feed(&mut self, event: Event) -> Option<Ending> {
        let mut next = VecDeque::from([event]);
        let mut ending = None;
        while let Some(event) = next.pop_front() {
            for effect in self.core.on_event(self.epoch.elapsed(), event) {
                match self.perform(effect).await {
                    Ok(Done::Nothing) => {}
                    Ok(Done::Follow(event)) => next.push_back(event),
                    Ok(Done::Over(over)) => ending = Some(over),
                    // A block whose part could not be stored must not be committed, so the
                    // remaining effects are void.
                    Err(error) => {
                        next.push_back(Event::StoreFailed(error.to_string()));
                        break;
                    }
                }
            }
        }
        ending
    }

    async fn perform(&mut self, effect: Effect) -> Result<Done, JournalError> {
        match effect {
            Effect::Refuse {
                peer,
                message,
                last,
            } => self.send(peer, ToPeer::Refused { message, last }),
            Effect::Send { peer, message } => self.send(peer, message),
            Effect::SendBuild {
                peer,
                sha256,
                offset,
            } => self.send_build(peer, sha256, offset).await,
            Effect::StartAt { attempt, peers } => self.start(attempt, &peers),
            Effect::CreateRun(identity) => self.create(identity).await?,
            Effect::Keep(delivery) => self.keep(delivery).await?,
            Effect::Commit(block) => return self.commit(block).await.map(Done::Follow),
            Effect::Note(noted) => self.notices.push(noted.at(unix_ms())),
            Effect::WriteNotes => self.write_notices().await?,
            Effect::Show(event) => (self.show)(event),
            Effect::Finish(ending) => return Ok(Done::Over(ending)),
        }
        Ok(Done::Nothing)
    }

    fn send(&self, peer: PeerId, message: ToPeer) {
        if let Some(peer) = self.peers.get(&peer) {
            peer.send(message);
        }
    }

    async fn send_build(&self, peer: PeerId, sha256: Sha256, offset: u64) {
        let Some(peer) = self.peers.get(&peer).filter(|peer| peer.takes_pieces()) else {
            return;
        };
        peer.send_piece(builds::piece(&self.binaries, sha256, offset).await);
    }

    /// Sends each worker the common start instant, on the worker's own clock.
    fn start(&self, attempt: Attempt, peers: &[PeerId]) {
        let start = self.epoch.elapsed() + START_MARGIN;
        for peer in peers.iter().filter_map(|peer| self.peers.get(peer)) {
            let Some(clock) = peer.clock() else { continue };
            let (at, uncertainty) = (clock.on_peer(start), clock.uncertainty);
            peer.send(ToPeer::Start {
                attempt,
                at,
                uncertainty,
            });
        }
    }

    async fn create(&mut self, identity: RunIdentity) -> Result<(), JournalError> {
        let Some(header) = self.header.take() else {
            return Ok(());
        };
        let RunIdentity {
            model_digest,
            model_sha256,
            hosts,
            ..
        } = identity;
        let header = RunHeader {
            hosts,
            model_digest,
            model_sha256,
            ..header
        };
        let journal = Arc::clone(&self.journal);
        blocking(move || journal.begin(&header)).await?;
        self.write_notices().await
    }

    async fn keep(&self, delivery: Delivery) -> Result<(), JournalError> {
        let journal = Arc::clone(&self.journal);
        blocking(move || journal.keep(&delivery)).await
    }

    async fn commit(&mut self, block: BlockDone) -> Result<Event, JournalError> {
        let journal = Arc::clone(&self.journal);
        let notices = std::mem::take(&mut self.notices);
        let block = BlockDone {
            finished_unix_ms: unix_ms(),
            ..block
        };
        let settled = blocking(move || {
            journal.commit(&block, &notices)?;
            if let Some(why) = journal.settled()? {
                return Ok(Event::Settled(why));
            }
            let following = journal.following()?.map(Box::new);
            Ok(following.map_or(Event::Committed, Event::Extended))
        });
        settled.await
    }

    /// Notices of a run that does not exist yet wait until it is created.
    async fn write_notices(&mut self) -> Result<(), JournalError> {
        if self.notices.is_empty() || self.header.is_some() {
            return Ok(());
        }
        let notices = std::mem::take(&mut self.notices);
        let journal = Arc::clone(&self.journal);
        blocking(move || journal.note(&notices)).await
    }
}

/// Result of performing an effect.
enum Done {
    Nothing,
    Follow(Event),
    Over(Ending),
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, JournalError> + Send + 'static,
) -> Result<T, JournalError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or(Err(JournalError::Panicked))
}

/// The wall clock, milliseconds since 1970.
#[must_use]
pub fn unix_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
