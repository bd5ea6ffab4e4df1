//! One coordinator and very many workers: a real coordinator process, and in this process a crowd
//! of sessions that behave like workers, each over its own connection. Ignored; `cargo test --test
//! fleet -- --ignored scale --nocapture` prints the cost for 10, 100 and 1,000 workers.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use contract::id::{Attempt, Ticket};
use contract::identity::{BuildInfo, HostFacts, Sha256};
use contract::message::{Exit, FromPeer, Hello, LoadReport, PART_CHUNK, PartChunk, Role, ToPeer};
use contract::part::{Origin, Outcome, Part, PartKey, RequestRecord};
use contract::record::Record;
use contract::spec::Assignment;
use contract::wire::{BenchClient, FromPeerItem, ToPeerItem};
use tokio::sync::mpsc;
use tokio::task::yield_now;
use tokio::time::{Instant, interval, sleep_until};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::Endpoint;

use crate::sandbox::{Running, Sandbox};
use crate::security::free;

const TOKEN: &str = "of the crowd";
const BEAT: Duration = Duration::from_secs(3);
/// How long a worker waits for a coordinator that does not answer, and the pause between two
/// attempts.
const PATIENCE: Duration = Duration::from_secs(10);
const REDIAL: Duration = Duration::from_millis(200);

/// State shared by the crowd.
struct Crowd {
    address: String,
    sha256: Sha256,
    epoch: Instant,
}

struct Caller {
    up: mpsc::Sender<FromPeerItem>,
    down: Streaming<ToPeerItem>,
}

impl Crowd {
    /// As a worker does: tries to connect for ten seconds.
    async fn join(&self, role: Role) -> Option<Caller> {
        let patience = Instant::now() + PATIENCE;
        loop {
            match self.dial(role.clone()).await {
                Ok(caller) => return Some(caller),
                Err(_) if Instant::now() < patience => tokio::time::sleep(REDIAL).await,
                Err(_) => return None,
            }
        }
    }

    async fn dial(&self, role: Role) -> Result<Caller, Box<dyn std::error::Error + Send + Sync>> {
        let endpoint = Endpoint::from_shared(self.address.clone())
            .unwrap()
            .tcp_nodelay(true);
        let channel = endpoint.connect().await?;
        let (up, outgoing) = mpsc::channel(64);
        let hello = Hello {
            protocol: contract::PROTOCOL,
            token: TOKEN.into(),
            pid: 1,
            build: BuildInfo {
                exe_sha256: self.sha256,
                ..BuildInfo::default()
            },
            host: HostFacts {
                cores: 2,
                ..HostFacts::default()
            },
            role,
        };
        up.send(FromPeer::Hello(Box::new(hello)).into())
            .await
            .unwrap();
        let down = BenchClient::new(channel)
            .session(ReceiverStream::new(outgoing))
            .await?
            .into_inner();
        Ok(Caller { up, down })
    }

    fn clock(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// A part in which every request of the share was refused.
    fn part(
        &self,
        share: &Assignment,
        attempt: Attempt,
        late: Duration,
        uncertainty: Duration,
    ) -> Part {
        let sent_ns = u64::try_from(late.as_nanos()).unwrap();
        let request = |index| RequestRecord {
            index,
            outcome: Outcome::Refused,
            intended_ns: 0,
            sent_ns,
            started_ns: 0,
            first_token_ns: 0,
            done_ns: sent_ns + 1000,
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
            exe_sha256: self.sha256,
            instrumented: false,
            hostname: "crowd".into(),
        };
        let requests = share
            .share
            .indices(share.scenario.requests())
            .map(request)
            .collect();
        let mut part = crate::honest::part(place, origin, requests);
        (part.window.start_late, part.window.clock_uncertainty) = (late, uncertainty);
        part
    }
}

impl Caller {
    async fn say(&self, up: FromPeer) {
        drop(self.up.send(up.into()).await);
    }

    async fn hear(&mut self) -> Option<ToPeer> {
        ToPeer::try_from(self.down.message().await.ok()??).ok()
    }
}

/// The agent of all workers: opens another session for every start order.
async fn agent(crowd: Arc<Crowd>, slots: u32) {
    let mut caller = loop {
        if let Some(caller) = crowd
            .join(Role::Agent {
                name: "crowd".into(),
                slots,
            })
            .await
        {
            break caller;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let (ended, mut ends) = mpsc::channel(4096);
    let mut beat = interval(BEAT);
    loop {
        tokio::select! {
            down = caller.hear() => match down {
                None | Some(ToPeer::Drain) => return,
                Some(ToPeer::Ping { seq }) => caller.say(FromPeer::Pong { seq, mono: crowd.clock() }).await,
                Some(ToPeer::Spawn(order)) => {
                    tokio::spawn(worker(Arc::clone(&crowd), order.ticket, ended.clone()));
                }
                Some(_) => {}
            },
            Some(ticket) = ends.recv() => {
                let exit = Exit { code: Some(0), ..Exit::default() };
                caller.say(FromPeer::Exited { ticket, exit }).await;
            }
            _ = beat.tick() => caller.say(FromPeer::Beat(None)).await,
        }
    }
}

async fn worker(crowd: Arc<Crowd>, ticket: Ticket, ended: mpsc::Sender<Ticket>) {
    if let Some(mut caller) = crowd.join(Role::Worker { ticket }).await {
        let mut assignment = None;
        while let Some(down) = caller.hear().await {
            match down {
                ToPeer::Ping { seq } => {
                    caller
                        .say(FromPeer::Pong {
                            seq,
                            mono: crowd.clock(),
                        })
                        .await;
                }
                ToPeer::Load { attempt, .. } => {
                    let report = LoadReport {
                        max_context: 4096,
                        ..LoadReport::default()
                    };
                    caller.say(FromPeer::Loaded { attempt, report }).await;
                }
                ToPeer::Arm {
                    attempt,
                    assignment: share,
                } => {
                    assignment = Some(*share);
                    caller.say(FromPeer::Armed(attempt)).await;
                }
                ToPeer::Start {
                    attempt,
                    at,
                    uncertainty,
                } => {
                    sleep_until(crowd.epoch + at).await;
                    let late = crowd.clock().saturating_sub(at);
                    // All read the clock before any goes to work, because they share this thread.
                    yield_now().await;
                    let share = assignment.take().expect("armed before started");
                    let part = crowd.part(&share, attempt, late, uncertainty);
                    let sealed = part.seal().unwrap();
                    assert!(sealed.len() < PART_CHUNK);
                    caller
                        .say(FromPeer::Part(PartChunk {
                            attempt,
                            seq: 0,
                            last: true,
                            bytes: sealed,
                        }))
                        .await;
                }
                ToPeer::Drain | ToPeer::Refused { .. } => break,
                _ => {}
            }
        }
    }
    // Without a receiver the agent has ended.
    let _ = ended.send(ticket).await;
}

/// Whether a child has ended, reaped or not.
pub(crate) fn over(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')')
        .is_none_or(|(_, rest)| rest.starts_with(" Z") || rest.starts_with(" X"))
}

/// Processor seconds and peak memory (kB) of a process, while it can be read.
fn cost(running: &Running) -> Option<(f64, u64)> {
    let read = |name: &str| fs::read_to_string(format!("/proc/{}/{name}", running.pid())).ok();
    let stat = read("stat")?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = fields.get(11)?.parse::<u64>().ok()? + fields.get(12)?.parse::<u64>().ok()?;
    let status = read("status")?;
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some((
        ticks as f64 / 100.0,
        peak.trim().trim_end_matches(" kB").parse().ok()?,
    ))
}

/// The cost of a crowd of this size.
fn measure(workers: u32, rounds: u32) {
    let sandbox = Sandbox::new();
    let address = free();
    let plan = sandbox.plan(&format!(
        "name = 'crowd'\nrounds = {rounds}\nengine = 'sim'\nslots = {workers}\ncontrol = false\n\
         timeouts = {{ start = 120, load = 120, warmup = 120, stop = 60, report = 120, lease = 60 }}\n\
         [[scenario]]\nname = 'burst'\nshape = {{ kind = 'burst', requests = {workers} }}\n\
         prompt = {{ tokens = 4 }}\noutput_tokens = 1\n"
    ));
    let listen = address.to_string();
    let arguments = [
        "run",
        &plan,
        "--seed",
        "1",
        "--launcher",
        "attach",
        "--agents",
        "1",
        "--listen",
        &listen,
    ];
    let began = std::time::Instant::now();
    let running = sandbox.start_with(&arguments, &[("PGO_BENCH_TOKEN", TOKEN)]);
    let sha256 = coordinator::build::sha256(&fs::read(sandbox.path("worker")).unwrap());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let last = runtime.block_on(async {
        let crowd = Arc::new(Crowd {
            address: format!("http://{address}"),
            sha256,
            epoch: Instant::now(),
        });
        let agent = tokio::spawn(agent(crowd, workers));
        let mut last = (0.0, 0);
        while !over(running.pid()) {
            last = cost(&running).unwrap_or(last);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        agent.abort();
        last
    });
    let wall = began.elapsed();
    let ended = running.end();
    // One part at a time: forty thousand at once take more memory than a host has.
    let store = sandbox.store();
    let mut lates = Vec::new();
    let late = |part: Part| lates.push(part.window.start_late);
    store
        .visit_parts(store.find("latest").unwrap(), late)
        .unwrap();
    store.close().unwrap();
    assert_eq!(lates.len(), (workers * rounds * 2) as usize, "{ended:?}");
    lates.sort_unstable();
    let p99 = lates[lates.len() * 99 / 100];
    #[expect(clippy::print_stdout, reason = "this is what it is run for")]
    {
        println!(
            "{workers:>5} workers x {rounds} rounds x 2 arms: {:.1} s wall, coordinator {:.2} s CPU, {:.1} MB peak, \
             start late p50 {:.2} ms, p99 {:.2} ms",
            wall.as_secs_f64(),
            last.0,
            last.1 as f64 / 1e3,
            lates[lates.len() / 2].as_secs_f64() * 1e3,
            p99.as_secs_f64() * 1e3
        );
    }
}

#[test]
fn a_small_crowd_loses_nobody() {
    measure(20, 1);
}

#[test]
#[ignore = "takes minutes, and the machine"]
fn scale() {
    for workers in [10, 100, 1000] {
        measure(workers, 20);
    }
}
