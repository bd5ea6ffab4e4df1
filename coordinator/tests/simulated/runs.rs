//! Whole runs of the dispatch loop with simulated hosts: what is recorded, in what order, and when
//! the run ends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use contract::id::{Attempt, RunId, Ticket};
use contract::identity::HostFacts;
use contract::message::{Exit, ToPeer};
use contract::run::{NoticeKind, RunHeader, RunState};
use coordinator::dispatch::driver::{Sources, drive};
use coordinator::dispatch::event::{Cause, Ending, LostAgent};
use coordinator::dispatch::job::{Binary, Job, RunIdentity};
use coordinator::dispatch::job::{Limits, Script};
use coordinator::dispatch::orders::Orders;
use coordinator::fleet::session::{Incoming, SessionEvent};
use coordinator::plan::Plan;
use coordinator::schedule::{self, Lineup};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::fleet::{Manner, WINDOW, host, liar, newcomer};
use crate::notebook::Notebook;
use crate::peer::{LEASE, SHA, served};

mod losses;
mod unlike;

const SLOTS: u32 = 2;
/// Requests of three arms in 3 rounds of 10 requests.
const REQUESTS: u64 = 90;

fn limits() -> Limits {
    let seconds = Duration::from_secs;
    Limits {
        gather: seconds(60),
        spawn: seconds(60),
        load: seconds(300),
        warm_up: seconds(600),
        run: seconds(900),
        leave: seconds(10),
    }
}

fn header(orders: &Orders) -> RunHeader {
    let Orders { run, plan, .. } = orders;
    RunHeader {
        run: *run,
        tool_version: String::new(),
        tool_git_sha: String::new(),
        plan_json: plan.to_json(),
        plan_digest: SHA,
        seed: plan.seed,
        variants: Vec::new(),
        hosts: Vec::new(),
        slots: SLOTS,
        simulated: true,
        model_digest: String::new(),
        model_sha256: None,
        labels: Vec::new(),
        sequence: None,
    }
}

fn job(resident: bool) -> Job {
    let plan = r#"{"name":"p","rounds":3,"seed":1,"slots":2,"engine":"sim","scenario":[{"name":"s",
        "shape":{"kind":"burst","requests":10},"prompt":{"tokens":4},"output_tokens":4}]}"#;
    let plan = Plan::from_json(plan).unwrap();
    let lineup = Lineup::new(&["baseline".to_owned(), "pgo".to_owned()], false).unwrap();
    let binary = Binary {
        path: "worker".into(),
        sha256: SHA,
        needs: Vec::new(),
    };
    let script = Script {
        blocks: schedule::blocks(&plan, &lineup),
        slots: SLOTS,
        requests: vec![contract::spec::Planned::Exactly(10)],
        shrink: false,
        max_attempts: 3,
        first_attempt: Attempt(1),
        resident,
        flush: false,
        limits: limits(),
    };
    let orders = Orders {
        run: RunId::new(1, [1; 10]),
        plan: Arc::new(plan),
        slots: SLOTS,
        model: String::new(),
        identities: BTreeMap::new(),
    };
    let binaries = BTreeMap::from([
        ("baseline".to_owned(), binary.clone()),
        ("pgo".to_owned(), binary),
    ]);
    Job {
        script,
        orders,
        header: None,
        identity: None,
        binaries,
        env: Vec::new(),
        instrumented: false,
    }
}

/// Result of a run.
struct Outcome {
    ending: Ending,
    notebook: Arc<Notebook>,
    started: Vec<Ticket>,
    /// Messages that the other host got.
    newcomer: Vec<ToPeer>,
    took: Duration,
}

struct Setting {
    resident: bool,
    fails: Option<&'static str>,
    /// The coordinator is killed after this time.
    killed: Option<Duration>,
    /// Ctrl-C after this time.
    interrupt: Option<Duration>,
    /// The launcher reports after this time that its agent has ended.
    agent_ends: Option<Duration>,
    /// A processor feature that a build needs and no host has.
    needs: Option<&'static str>,
    /// Another host joins after this time, with this many cores; the first has two.
    newcomer: Option<(Duration, u32)>,
    /// An agent sends false reports about workers that are not its own.
    liar: bool,
    /// The run is resumed, and began on a host with this many cores.
    begun_on: Option<u32>,
}

const PLAIN: Setting = Setting {
    resident: false,
    fails: None,
    killed: None,
    interrupt: None,
    agent_ends: None,
    needs: None,
    newcomer: None,
    liar: false,
    begun_on: None,
};

fn later<T: Send + 'static>(after: Option<Duration>, what: T) -> mpsc::Receiver<T> {
    let (sender, receiver) = mpsc::channel(1);
    if let Some(after) = after {
        tokio::spawn(async move {
            tokio::time::sleep(after).await;
            let _ = sender.send(what).await;
        });
    }
    receiver
}

fn lost() -> LostAgent {
    let exit = Exit {
        code: None,
        signal: Some(9),
        tail: String::new(),
    };
    LostAgent {
        host: "this host".into(),
        exit,
    }
}

fn begun_on(cores: u32) -> RunIdentity {
    let host = HostFacts {
        cores,
        ..HostFacts::default()
    };
    let hosts = vec![("host".into(), host)];
    RunIdentity {
        model_digest: String::new(),
        model_sha256: None,
        first: None,
        hosts,
    }
}

async fn carry_out(
    setting: Setting,
    manner: impl Fn(Ticket) -> Manner + Send + Sync + 'static,
) -> Outcome {
    let (door, incoming, epoch) = served(64);
    let started = host(&door, SLOTS, manner);
    let notebook = Arc::new(Notebook {
        fails: setting.fails,
        ..Notebook::default()
    });
    let sources = Sources {
        incoming,
        interrupts: later(setting.interrupt, ()),
        agents: later(setting.agent_ends, lost()),
        epoch,
    };
    let before = Instant::now();
    let mut job = job(setting.resident);
    for binary in job.binaries.values_mut() {
        binary.needs.extend(setting.needs.map(str::to_owned));
    }
    job.identity = setting.begun_on.map(begun_on);
    job.header = setting.newcomer.map(|_| header(&job.orders));
    let came = setting
        .newcomer
        .map(|(after, cores)| tokio::spawn(newcomer(door.clone(), after, cores)));
    let lies = setting.liar.then(|| tokio::spawn(liar(door.clone())));
    let mut show = |_| ();
    let driving = drive(job, sources, notebook.clone(), &mut show);
    let killed = Ending {
        cause: Cause::User,
        reason: "killed".into(),
    };
    let driving = match setting.killed {
        Some(after) => tokio::time::timeout(after, driving)
            .await
            .unwrap_or(Ok(killed)),
        None => driving.await,
    };
    let took = before.elapsed();
    if let Some(lies) = lies {
        lies.abort();
    }
    let started = started.lock().unwrap().clone();
    let newcomer = match came {
        Some(came) => came.await.unwrap(),
        None => Vec::new(),
    };
    Outcome {
        ending: driving.unwrap(),
        notebook,
        started,
        newcomer,
        took,
    }
}

/// One worker misbehaves, the others do not.
fn one(ticket: u64, manner: Manner) -> impl Fn(Ticket) -> Manner + Send + Sync + 'static {
    move |who| {
        if who == Ticket(ticket) {
            manner
        } else {
            Manner::Good
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_quiet_run_writes_everything_down_once() {
    let run = carry_out(PLAIN, |_| Manner::Good).await;
    assert_eq!(
        (run.ending.state(), run.notebook.requests()),
        (RunState::Complete, REQUESTS)
    );
    assert_eq!(
        (
            run.notebook.blocks(),
            run.notebook.notices(),
            run.started.len()
        ),
        (3, vec![], 18)
    );
    // Nine windows, and almost no time between them.
    assert!(
        (9 * WINDOW..10 * WINDOW + WINDOW).contains(&run.took),
        "{:?}",
        run.took
    );
}

#[tokio::test(start_paused = true)]
async fn nobody_has_a_say_in_what_became_of_others_workers() {
    let run = carry_out(
        Setting {
            liar: true,
            ..PLAIN
        },
        |_| Manner::Good,
    )
    .await;
    assert_eq!(
        (run.ending.state(), run.notebook.requests()),
        (RunState::Complete, REQUESTS)
    );
    // There is no slot for the lying agent.
    assert_eq!(
        (run.notebook.notices(), run.started.len()),
        (vec![NoticeKind::HostWaits], 18)
    );
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_words_puts_no_deadline_off() {
    const FLOOD: usize = 20_000;
    let epoch = Instant::now();
    let (events, incoming) = mpsc::channel(FLOOD);
    for _ in 0..FLOOD {
        let what = SessionEvent::Refused("somebody".into());
        events.try_send(Incoming { session: 0, what }).unwrap();
    }
    tokio::time::advance(limits().gather + Duration::from_secs(1)).await;
    let sources = Sources {
        incoming,
        interrupts: later(None, ()),
        agents: later(None, lost()),
        epoch,
    };
    let mut job = job(false);
    job.script.limits.gather = Duration::ZERO;
    let mut told = 0;
    let notebook = Arc::new(Notebook::default());
    let ending = drive(job, sources, notebook, &mut |_| told += 1)
        .await
        .unwrap();
    assert!(
        ending.reason.starts_with("0 of 2 slots"),
        "{}",
        ending.reason
    );
    assert!(told < FLOOD, "it did not wait until nobody spoke any more");
}

#[tokio::test(start_paused = true)]
async fn resident_workers_are_started_once_a_variant_and_slot() {
    let run = carry_out(
        Setting {
            resident: true,
            ..PLAIN
        },
        |_| Manner::Good,
    )
    .await;
    assert_eq!(
        (run.ending.state(), run.notebook.requests()),
        (RunState::Complete, REQUESTS)
    );
    assert_eq!(run.started.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn ctrl_c_in_the_third_block_leaves_two() {
    let interrupt = Some(6 * WINDOW + 2 * WINDOW);
    let run = carry_out(Setting { interrupt, ..PLAIN }, |_| Manner::Good).await;
    assert_eq!(
        (run.ending.state(), run.notebook.blocks()),
        (RunState::Stopped, 2)
    );
    assert_eq!(
        (run.notebook.requests(), run.notebook.notices()),
        (60, vec![NoticeKind::Interrupted])
    );
}
