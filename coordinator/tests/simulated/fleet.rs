//! A simulated host: an agent's session, and for every start order another session that behaves as
//! its manner says.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use contract::id::{Attempt, RunId, Ticket};
use contract::message::{Exit, FromPeer, Hello, LoadReport, PART_CHUNK, PartChunk, Role, ToPeer};
use contract::part::{Origin, Outcome, Part, PartKey, RequestRecord};
use contract::record::Record;
use contract::spec::Assignment;
use tokio::sync::mpsc;
use tokio::time::{interval, sleep};

use crate::peer::{BEAT, Caller, Door, SHA, hello};

/// Length of the simulated window.
pub(crate) const WINDOW: Duration = Duration::from_secs(40);

/// Behaviour of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Good,
    /// Sends keep-alives and never opens its engine.
    Stuck,
    /// Takes far longer than allowed for its requests, while sending keep-alives.
    Slow,
    /// Falls silent when it is told to start.
    Silent,
    /// Dies when it is told to start.
    Dies,
    /// Its clock jumps a minute ahead after the start order.
    Jumps,
    /// Its part has requests without an outcome.
    Miscounts,
    /// Its part names another run.
    Strays,
    /// Its part has a window longer than the time since the start order.
    Stretches,
    /// It sends its part instead of warming up.
    Hurries,
}

/// State shared by the agent and its workers.
#[derive(Clone)]
struct Host {
    door: Door,
    manner: Arc<dyn Fn(Ticket) -> Manner + Send + Sync>,
    ups: mpsc::Sender<FromPeer>,
    started: Arc<Mutex<Vec<Ticket>>>,
}

/// Lets a host with this many slots join; returns the tickets of all workers it was told to start.
pub(crate) fn host(
    door: &Door,
    slots: u32,
    manner: impl Fn(Ticket) -> Manner + Send + Sync + 'static,
) -> Arc<Mutex<Vec<Ticket>>> {
    let started = Arc::default();
    let (ups, told) = mpsc::channel(64);
    let host = Host {
        door: door.clone(),
        manner: Arc::new(manner),
        ups,
        started: Arc::clone(&started),
    };
    let hello = hello(Role::Agent {
        name: "host".into(),
        slots,
    });
    tokio::spawn(agent(host, told, hello));
    started
}

/// A host with one slot and this many cores that joins later; returns the messages it gets until
/// its session ends.
pub(crate) async fn newcomer(door: Door, after: Duration, cores: u32) -> Vec<ToPeer> {
    sleep(after).await;
    let mut hello = hello(Role::Agent {
        name: "newcomer".into(),
        slots: 1,
    });
    hello.host.cores = cores;
    let mut caller = door.join(hello).await;
    let (mut heard, mut beat) = (Vec::new(), interval(BEAT));
    loop {
        tokio::select! {
            down = caller.hear() => match down {
                None => return heard,
                Some(ToPeer::Ping { .. }) => {}
                Some(down @ (ToPeer::Drain | ToPeer::Refused { .. })) => {
                    heard.push(down);
                    return heard;
                }
                Some(down) => heard.push(down),
            },
            _ = beat.tick() => caller.say(FromPeer::Beat(None)).await,
        }
    }
}

/// An agent that reports for every worker that it has ended, and could not be started.
pub(crate) async fn liar(door: Door) {
    let mut caller = door
        .join(hello(Role::Agent {
            name: "liar".into(),
            slots: 1,
        }))
        .await;
    let mut again = interval(BEAT);
    loop {
        tokio::select! {
            down = caller.hear() => drop(down),
            _ = again.tick() => for ticket in (1..=18).map(Ticket) {
                caller.say(exited(ticket, Some(9))).await;
                caller.say(FromPeer::SpawnFailed { ticket, message: "a lie".into() }).await;
            },
        }
    }
}

async fn agent(host: Host, mut told: mpsc::Receiver<FromPeer>, hello: Hello) {
    let mut caller = host.door.join(hello).await;
    let mut workers = std::collections::BTreeMap::new();
    let mut beat = interval(BEAT);
    loop {
        tokio::select! {
            down = caller.hear() => match down {
                None | Some(ToPeer::Drain) => return,
                Some(ToPeer::Spawn(spawn)) => {
                    host.started.lock().unwrap().push(spawn.ticket);
                    workers.insert(spawn.ticket, tokio::spawn(worker(host.clone(), spawn.ticket)));
                }
                Some(ToPeer::Stop { ticket, .. }) => {
                    let worker: Option<tokio::task::JoinHandle<()>> = workers.remove(&ticket);
                    if worker.is_some_and(|worker| { worker.abort(); true }) {
                        caller.say(exited(ticket, Some(15))).await;
                    }
                }
                Some(_) => {}
            },
            Some(up) = told.recv() => {
                if let FromPeer::Exited { ticket, .. } = &up {
                    workers.remove(ticket);
                }
                caller.say(up).await;
            }
            _ = beat.tick() => caller.say(FromPeer::Beat(None)).await,
        }
    }
}

fn exited(ticket: Ticket, signal: Option<i32>) -> FromPeer {
    let code = signal.is_none().then_some(0);
    FromPeer::Exited {
        ticket,
        exit: Exit {
            code,
            signal,
            tail: String::new(),
        },
    }
}

async fn worker(host: Host, ticket: Ticket) {
    let manner = (host.manner)(ticket);
    let mut caller = host.door.join(hello(Role::Worker { ticket })).await;
    let mut beat = interval(BEAT);
    let mut assignment = None;
    let mut ahead = Duration::ZERO;
    let born = tokio::time::Instant::now();
    let clock = move |ahead: Duration| Duration::from_secs(1) + born.elapsed() + ahead;
    let signal = loop {
        let down = tokio::select! {
            down = caller.hear() => down,
            _ = beat.tick() => {
                caller.say(FromPeer::Beat(None)).await;
                continue;
            }
        };
        match down {
            Some(ToPeer::Ping { seq }) => {
                caller
                    .say(FromPeer::Pong {
                        seq,
                        mono: clock(ahead),
                    })
                    .await;
            }
            Some(ToPeer::Load { attempt, .. }) if manner != Manner::Stuck => {
                caller
                    .say(FromPeer::Loaded {
                        attempt,
                        report: LoadReport {
                            max_context: 4096,
                            ..LoadReport::default()
                        },
                    })
                    .await;
            }
            Some(ToPeer::Arm {
                attempt,
                assignment: share,
            }) if manner == Manner::Hurries => {
                report(&mut caller, attempt, &part(attempt, &share, manner)).await;
            }
            Some(ToPeer::Arm {
                attempt,
                assignment: share,
            }) => {
                assignment = Some(*share);
                caller.say(FromPeer::Armed(attempt)).await;
            }
            Some(ToPeer::Start { .. }) if manner == Manner::Silent => std::future::pending().await,
            Some(ToPeer::Start { .. }) if manner == Manner::Jumps => {
                ahead = Duration::from_secs(60);
            }
            Some(ToPeer::Start { .. }) if manner == Manner::Dies => break Some(9),
            Some(ToPeer::Start { attempt, .. }) => {
                let share = assignment.clone().expect("armed before started");
                measure(&mut caller, attempt, &share, manner).await;
            }
            Some(ToPeer::Drain) => break None,
            Some(_) => {}
            None => break Some(6),
        }
    };
    drop(caller);
    host.ups.send(exited(ticket, signal)).await.unwrap();
}

/// Sends keep-alives during the window, then its part.
async fn measure(caller: &mut Caller, attempt: Attempt, share: &Assignment, manner: Manner) {
    let window = if manner == Manner::Slow {
        100 * WINDOW
    } else {
        WINDOW
    };
    for _ in 0..window.as_secs() / BEAT.as_secs() + 1 {
        sleep(BEAT).await;
        caller.say(FromPeer::Beat(None)).await;
    }
    report(caller, attempt, &part(attempt, share, manner)).await;
}

async fn report(caller: &mut Caller, attempt: Attempt, part: &Part) {
    let sealed = part.seal().unwrap();
    let pieces: Vec<_> = sealed.chunks(PART_CHUNK.min(1000)).collect();
    for (seq, bytes) in pieces.iter().enumerate() {
        let last = seq + 1 == pieces.len();
        let seq = u32::try_from(seq).unwrap();
        caller
            .say(FromPeer::Part(PartChunk {
                attempt,
                seq,
                last,
                bytes: bytes.to_vec(),
            }))
            .await;
    }
}

/// A part in which every request of the share was refused, a second after it was due.
fn part(attempt: Attempt, share: &Assignment, manner: Manner) -> Part {
    let request = |index| RequestRecord {
        index,
        outcome: Outcome::Refused,
        intended_ns: 0,
        sent_ns: 0,
        started_ns: 0,
        first_token_ns: 0,
        done_ns: 1_000_000_000,
        prompt_tokens: 1,
        output_tokens: 0,
    };
    let place = PartKey {
        run: share.run,
        key: share.key,
        slot: share.slot,
        attempt,
    };
    let origin = Origin {
        variant: share.variant.clone(),
        exe_sha256: SHA,
        instrumented: false,
        hostname: "host".into(),
    };
    let requests = share
        .share
        .indices(share.scenario.requests())
        .map(request)
        .collect();
    let mut part = crate::honest::part(place, origin, requests);
    match manner {
        Manner::Miscounts => part.outcomes.refused -= 1,
        Manner::Strays => part.place.run = RunId::new(9, [9; 10]),
        Manner::Stretches => stretch(&mut part),
        _ => {}
    }
    part
}

/// Makes the window a hundred times longer than possible everywhere in the part.
fn stretch(part: &mut Part) {
    let long = 100 * u64::try_from(WINDOW.as_nanos()).unwrap();
    part.requests
        .iter_mut()
        .for_each(|request| request.done_ns = long);
    let requests = std::mem::take(&mut part.requests);
    *part = crate::honest::part(part.place.clone(), part.origin.clone(), requests);
}
