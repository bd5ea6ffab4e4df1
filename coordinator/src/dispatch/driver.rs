//! The one loop of a run: every source of events — sessions, timers, Ctrl-C — goes into the core one at a time, and its
//! effects are carried out before the next. It decides nothing.

mod builds;
mod vetting;

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use contract::id::{Attempt, Ticket};
use contract::identity::{HostFacts, Sha256};
use contract::message::{Down, LoadReport, Spawn, Up};
use contract::run::{BlockDone, Notice, RunHeader};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::core::{Core, Script};
use super::event::{AgentId, Cause, Delivery, Effect, Ending, Event, LostAgent, Order, Sight, SpawnOrder};
use super::journal::{Journal, JournalError};
use super::orders::Orders;
use super::roster::Roster;
use crate::fleet::session::{Incoming, SessionEvent};
use crate::record::Expected;

/// From the decision to start until the start instant: enough for the message to reach every worker.
const START_MARGIN: Duration = Duration::from_millis(100);
/// How long a start waits for somebody's first answer to a ping.
const CLOCK_PATIENCE: Duration = Duration::from_secs(5);
/// Words that count before a deadline that has passed: as many as may have waited then. Who never stops talking puts
/// off nothing.
const BACKLOG: u32 = 4096;
/// Between two looks whether it is there.
const CLOCK_PAUSE: Duration = Duration::from_millis(2);

/// Everything a run needs but the fleet itself.
pub struct Job {
    /// What to carry out.
    pub script: Script,
    /// Fills in what the plan says.
    pub orders: Orders,
    /// Written when the first engine is open; hosts are added then. `None` when the run was begun before.
    pub header: Option<RunHeader>,
    /// What a run that is taken up again began with.
    pub begun: Option<Begun>,
    /// Binaries by variant.
    pub binaries: BTreeMap<String, Binary>,
    /// Environment for every worker.
    pub env: Vec<(String, String)>,
    /// Whether the builds carry profile counters.
    pub instrumented: bool,
}

/// What must not change within a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Begun {
    /// Digest of the model.
    pub model_digest: String,
    /// Digest over every byte of it, where that is asked for.
    pub model_sha256: Option<Sha256>,
    /// The agent on whose host it was seen, unless that was in an earlier go.
    pub first: Option<String>,
    /// The hosts, by agent name.
    pub hosts: Vec<(String, HostFacts)>,
}

/// A variant's binary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binary {
    /// Where it is, as the agents' hosts see it.
    pub path: PathBuf,
    /// What it must hash to.
    pub sha256: Sha256,
    /// Processor features without which it does not run.
    pub needs: Vec<String>,
}

/// Where events come from.
pub struct Sources {
    /// What happens on sessions.
    pub incoming: mpsc::Receiver<Incoming>,
    /// One message a Ctrl-C.
    pub interrupts: mpsc::Receiver<()>,
    /// How an agent ended that was started from here.
    pub agents: mpsc::Receiver<LostAgent>,
    /// Zero of the coordinator's clock, the same as the desk's.
    pub epoch: Instant,
}

struct Driver<'a> {
    core: Core,
    roster: Roster,
    job: Job,
    journal: Arc<dyn Journal>,
    epoch: Instant,
    show: &'a mut (dyn FnMut(Sight) + Send),
    /// Notices that wait for the run to begin or for a block to carry them.
    notices: Vec<Notice>,
    /// A start that waits for a clock.
    held: Option<Held>,
    /// The agent whose worker was the first to open its engine.
    first: Option<String>,
}

/// A start that cannot be told to everybody yet: who was quick to arm has not answered the first ping.
struct Held {
    attempt: Attempt,
    tickets: Vec<Ticket>,
    /// When whoever still has no clock is taken for silent.
    until: Instant,
}

/// Carries out a job until it is over, whichever way. What was committed is durable when it returns.
///
/// # Errors
/// When the journal fails in a way that leaves nothing to go on with.
pub async fn drive(
    job: Job,
    mut sources: Sources,
    journal: Arc<dyn Journal>,
    show: &mut (dyn FnMut(Sight) + Send),
) -> Result<Ending, JournalError> {
    let epoch = sources.epoch;
    let core = Core::new(job.script.clone(), epoch.elapsed());
    let mut driver = Driver {
        core,
        roster: Roster::default(),
        job,
        journal,
        epoch,
        show,
        notices: Vec::new(),
        held: None,
        first: None,
    };
    let mut event = Some(Event::Tick);
    let mut behind = 0;
    loop {
        if let Some(ending) = driver.feed(event).await {
            driver.roster.drain();
            return Ok(match driver.write_notices().await {
                Ok(()) => ending,
                Err(error) => Ending { cause: Cause::Store, reason: error.to_string() },
            });
        }
        let deadline = driver.core.deadline().map(|at| epoch + at);
        behind = if deadline.is_some_and(|at| at <= Instant::now()) { behind + 1 } else { 0 };
        if behind > BACKLOG {
            event = Some(Event::Tick);
            continue;
        }
        event = tokio::select! {
            // What a worker said before its deadline counts before the deadline.
            biased;
            Some(()) = sources.interrupts.recv() => Some(Event::Interrupt),
            // How an agent ended says more than the silence of its workers that follows, which may have come meanwhile.
            Some(lost) = sources.agents.recv() => Some(Event::AgentEnded(lost)),
            Some(incoming) = sources.incoming.recv() => {
                if let Some(live) = driver.roster.live(incoming.session, &incoming.what) {
                    (driver.show)(Sight::Live(live));
                }
                driver.heard(incoming).await
            }
            () = sleep_until(deadline) => Some(Event::Tick),
            () = tokio::time::sleep(CLOCK_PAUSE), if driver.held.is_some() => driver.start_held(),
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
    /// What a session's event means to the core, if anything. Builds are handed out here: the core need not know.
    async fn heard(&mut self, incoming: Incoming) -> Option<Event> {
        let Incoming { session, what } = incoming;
        if let SessionEvent::Opened(hello, peer) = &what
            && let Some(refused) = self.turned_away(hello, peer)
        {
            return Some(refused);
        }
        match what {
            SessionEvent::Said(Up::FetchBuild { sha256, offset }) => {
                let peer = self.roster.agent(AgentId(session)).filter(|peer| peer.takes_pieces()).cloned();
                if let Some(peer) = peer {
                    peer.send_piece(builds::piece(&self.job.binaries, sha256, offset).await);
                }
                None
            }
            what => self.roster.translate(session, what),
        }
    }

    /// Feeds one event and all that follow from carrying out its effects. The ending, once there is one.
    async fn feed(&mut self, event: Option<Event>) -> Option<Ending> {
        let mut next: VecDeque<Event> = event.into_iter().collect();
        let mut ending = None;
        while let Some(event) = next.pop_front() {
            let event = self.vetted(event);
            for effect in self.core.on_event(self.epoch.elapsed(), event) {
                match self.perform(effect).await {
                    Done::Nothing => {}
                    Done::Follow(event) => next.push_back(event),
                    // A block whose part could not be kept must not be committed: what follows is void.
                    Done::Failed(error) => {
                        next.push_back(Event::StoreFailed(error.to_string()));
                        break;
                    }
                    Done::Over(over) => ending = Some(over),
                }
            }
        }
        ending
    }

    async fn perform(&mut self, effect: Effect) -> Done {
        match effect {
            Effect::Spawn(order) => return self.spawn(order),
            Effect::Stop { agent, ticket, grace } => {
                if let Some(peer) = self.roster.agent(agent) {
                    peer.send(Down::Stop { ticket, grace });
                }
            }
            Effect::Tell { ticket, order } => self.tell(ticket, &order),
            Effect::StartAll { attempt, tickets } => {
                let until = Instant::now() + CLOCK_PATIENCE;
                self.held = Some(Held { attempt, tickets, until });
                return self.start_held().map_or(Done::Nothing, Done::Follow);
            }
            Effect::Keep(delivery) => return self.keep(delivery).await,
            Effect::Commit(block) => return self.commit(block).await,
            Effect::Note(noted) => self.notices.push(noted.at(unix_ms())),
            Effect::Show(sight) => return self.show(sight).await,
            Effect::Finish(ending) => return Done::Over(ending),
        }
        Done::Nothing
    }

    fn spawn(&mut self, order: SpawnOrder) -> Done {
        let Some(binary) = self.job.binaries.get(&order.variant).cloned() else { return Done::Nothing };
        if let Some(message) = self.roster.unfit(order.agent, &order.variant, &binary.needs) {
            return Done::Follow(Event::SpawnFailed { ticket: order.ticket, message });
        }
        let expected = Expected {
            variant: order.variant,
            exe_sha256: binary.sha256,
            instrumented: self.job.instrumented,
            assignment: None,
            loaded: None,
            processors: self.roster.processors(order.agent),
        };
        self.roster.expect(order.ticket, order.agent, expected);
        if let Some(peer) = self.roster.agent(order.agent) {
            peer.send(Down::Spawn(Spawn {
                ticket: order.ticket,
                slot: order.local_slot,
                binary: binary.path.display().to_string(),
                sha256: binary.sha256,
                env: self.job.env.clone(),
                model: self.job.orders.verified_model().map(str::to_owned),
            }));
        }
        Done::Nothing
    }

    fn tell(&mut self, ticket: Ticket, order: &Order) {
        let down = self.job.orders.message(order);
        if let Down::Arm { attempt, assignment } = &down {
            self.roster.renew(ticket, *attempt, (**assignment).clone());
        }
        if let Some(peer) = self.roster.worker(ticket) {
            peer.send(down);
        }
    }

    /// One instant for everybody, told to each on its own clock, once all clocks are known. Who left in the meantime is
    /// passed over: its agent tells how it ended.
    fn start_held(&mut self) -> Option<Event> {
        let held = self.held.take()?;
        let peers = || held.tickets.iter().filter_map(|ticket| Some((*ticket, self.roster.worker(*ticket)?)));
        if let Some((ticket, _)) = peers().find(|(_, peer)| peer.clock().is_none()) {
            if Instant::now() >= held.until {
                return Some(Event::WorkerSilent(ticket));
            }
            self.held = Some(held);
            return None;
        }
        let start = self.epoch.elapsed() + START_MARGIN;
        for (peer, clock) in peers().filter_map(|(_, peer)| Some((peer, peer.clock()?))) {
            let (at, uncertainty) = (clock.on_peer(start), clock.uncertainty);
            peer.send(Down::Start { attempt: held.attempt, at, uncertainty });
        }
        None
    }

    async fn keep(&mut self, delivery: Delivery) -> Done {
        let journal = Arc::clone(&self.journal);
        follow(blocking(move || journal.keep(&delivery)).await, None)
    }

    async fn commit(&mut self, block: BlockDone) -> Done {
        let journal = Arc::clone(&self.journal);
        let notices = std::mem::take(&mut self.notices);
        let block = BlockDone { finished_unix_ms: unix_ms(), ..block };
        let look = Arc::clone(&self.journal);
        if let Err(error) = blocking(move || journal.commit(&block, &notices)).await {
            return Done::Failed(error);
        }
        match blocking(move || look.settled()).await {
            Ok(None) => Done::Follow(Event::Committed),
            Ok(Some(why)) => Done::Follow(Event::Settled(why)),
            Err(error) => Done::Failed(error),
        }
    }

    /// The first open engine is when a run begins to exist: before, nothing was measured and nothing is stored.
    async fn show(&mut self, sight: Sight) -> Done {
        let loaded = if let Sight::Loaded(report) = &sight { Some(report.clone()) } else { None };
        (self.show)(sight);
        let Some(LoadReport { model_digest, model_sha256, .. }) = loaded else { return Done::Nothing };
        let Some(header) = self.job.header.take() else { return Done::Nothing };
        let begun =
            Begun { model_digest, model_sha256, first: self.first.take(), hosts: self.roster.hosts() };
        self.job.begun = Some(begun.clone());
        let Begun { model_digest, model_sha256, hosts, .. } = begun;
        let header = RunHeader { hosts, model_digest, model_sha256, ..header };
        let journal = Arc::clone(&self.journal);
        follow(blocking(move || journal.begin(&header)).await, None)
    }

    async fn write_notices(&mut self) -> Result<(), JournalError> {
        let notices = std::mem::take(&mut self.notices);
        if notices.is_empty() || self.job.header.is_some() {
            return Ok(());
        }
        let journal = Arc::clone(&self.journal);
        blocking(move || journal.note(&notices)).await
    }
}

/// What came of an effect.
enum Done {
    Nothing,
    Follow(Event),
    Failed(JournalError),
    Over(Ending),
}

fn follow(result: Result<(), JournalError>, event: Option<Event>) -> Done {
    match (result, event) {
        (Ok(()), None) => Done::Nothing,
        (Ok(()), Some(event)) => Done::Follow(event),
        (Err(error), _) => Done::Failed(error),
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, JournalError> + Send + 'static,
) -> Result<T, JournalError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|panic| Err(JournalError(panic.to_string())))
}

/// The wall clock, milliseconds since 1970.
#[must_use]
pub fn unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
