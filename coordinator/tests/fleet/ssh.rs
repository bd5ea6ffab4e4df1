//! Four hosts over real ssh: their common counts, a run during which one is disconnected, and no
//! leftovers.

use std::time::Duration;

use contract::run::{NoticeKind, RunState};

use crate::high::{HIGH, LONGEST, done, whole};
use crate::hosts::Hosts;
use crate::sandbox::{Ended, Running, Sandbox, eventually};
use crate::security::{free, init, init_for};
use crate::tally::{plan, requests, state};

/// How long a host is disconnected: longer than its lease and shorter than the run's timeout.
const CUT: Duration = Duration::from_secs(20);

/// Flags for a run on these hosts.
fn over_ssh<'a>(hosts: &Hosts, config: &'a str, names: &'a str) -> Vec<&'a str> {
    assert_eq!(
        (hosts.config().as_str(), hosts.names().as_str()),
        (config, names)
    );
    vec![
        "--launcher",
        "ssh",
        "--hosts",
        names,
        "--ssh-config",
        config,
    ]
}

#[test]
fn four_hosts_over_ssh_count_what_the_plan_says_with_a_tunnel_and_without() {
    let sandbox = Sandbox::new();
    let Some(hosts) = Hosts::up("pa", 10, 4, &sandbox.path("hosts")) else {
        return;
    };
    let (config, names) = (hosts.config(), hosts.names());
    let over_ssh = over_ssh(&hosts, &config, &names);
    let ended = sandbox
        .start(&[&HIGH[..], &over_ssh].concat())
        .end_within(LONGEST);
    done(&ended);
    let parts = whole(&sandbox, 4, 4, &ended).parts;
    let mut places: Vec<_> = parts
        .iter()
        .map(|part| (part.place.slot, part.origin.hostname.clone()))
        .collect();
    places.sort();
    places.dedup();
    let expected: Vec<_> = (0..4)
        .map(|slot| (slot, format!("h{}", slot + 1)))
        .collect();
    assert_eq!(
        places, expected,
        "every variant took its turn in the same places"
    );
    sandbox.deserted();

    // The same without a tunnel, over mutual TLS.
    let address = format!("{}:{}", hosts.here(), free().port());
    let credentials = init_for(&sandbox, "certs", &hosts.here())
        .join("coordinator")
        .display()
        .to_string();
    let direct = ["--listen", &address, "--credentials", &credentials];
    let ended = sandbox
        .start(&[&HIGH[..], &over_ssh, &direct].concat())
        .end_within(LONGEST);
    done(&ended);
    whole(&sandbox, 4, 4, &ended);
    sandbox.deserted();
}

#[test]
fn a_host_that_cannot_be_reached_ends_the_run_by_name() {
    let sandbox = Sandbox::new();
    let Some(hosts) = Hosts::up("pb", 11, 1, &sandbox.path("hosts")) else {
        return;
    };
    let config = hosts.config();
    let ended = sandbox.run(&[
        "run",
        "--preset",
        "high",
        "--engine",
        "sim",
        "--launcher",
        "ssh",
        "--hosts",
        "h1,nowhere",
        "--ssh-config",
        &config,
    ]);
    assert!(
        ended.code == Some(4) && ended.stderr.contains("the agent of nowhere ended"),
        "{ended:?}"
    );
    sandbox.deserted();
    assert!(
        init(&sandbox, "certs").is_dir(),
        "counter-check of the last line: the directory is usable"
    );
}

/// A run of three rounds on four hosts with a loss policy.
fn under(sandbox: &Sandbox, hosts: &Hosts, policy: &str) -> Running {
    let text = plan(3, 20, 30, 40)
        .replace("slots = 2", "slots = 1")
        .replace("start = 20", "start = 90")
        .replace("lease = 10", "lease = 6");
    let (config, names) = (hosts.config(), hosts.names());
    let plan = sandbox.plan(&text);
    let run = ["run", &plan, "--seed", "3", "--on-loss", policy];
    sandbox.start(&[&run[..], &over_ssh(hosts, &config, &names)].concat())
}

#[test]
fn a_host_cut_off_for_a_while_costs_what_the_policy_says() {
    let grounds = ["fail", "repeat", "shrink"].map(|policy| (policy, Sandbox::new()));
    let Some(hosts) = Hosts::up("pc", 12, 4, &grounds[0].1.path("hosts")) else {
        return;
    };
    let running: Vec<Running> = grounds
        .iter()
        .map(|(policy, sandbox)| under(sandbox, &hosts, policy))
        .collect();
    for (_, sandbox) in &grounds {
        sandbox.busy_worker();
    }
    hosts.link(2, false);
    std::thread::sleep(CUT);
    hosts.link(2, true);
    let ended: Vec<Ended> = running
        .into_iter()
        .map(|running| running.end_within(Duration::from_secs(150)))
        .collect();
    let full = 3 * 3 * 20;
    for ((policy, sandbox), ended) in grounds.iter().zip(&ended) {
        let record = sandbox.latest();
        let lost: u64 = record.blocks.iter().map(|block| block.lost_requests).sum();
        let hit = record.notices.iter().any(|notice| {
            matches!(
                notice.kind,
                NoticeKind::AgentLost | NoticeKind::WorkerSilent
            ) && notice.message.contains("lost")
                || notice.kind == NoticeKind::WorkerSilent
        });
        assert!(hit, "{policy}: {:?}", record.notices);
        match *policy {
            "fail" => assert_eq!(
                (state(&record), lost),
                (Some(RunState::Failed), 0),
                "{ended:?}"
            ),
            "repeat" => {
                assert_eq!(
                    (state(&record), requests(&record), lost),
                    (Some(RunState::Complete), full, 0),
                    "{ended:?}"
                );
                assert!(
                    record.blocks.iter().any(|block| block.attempt.0 > 1),
                    "{:?}",
                    record.blocks
                );
            }
            _ => {
                assert_eq!(
                    (state(&record), requests(&record) + lost),
                    (Some(RunState::Complete), full),
                    "{ended:?}"
                );
                assert!(
                    lost > 0 && record.notices.iter().any(|n| n.kind == NoticeKind::Shrunk),
                    "{:?}",
                    record.notices
                );
            }
        }
        sandbox.deserted();
    }
}

#[test]
fn a_coordinator_that_is_killed_leaves_nothing_on_any_host() {
    let sandbox = Sandbox::new();
    let Some(hosts) = Hosts::up("pd", 13, 2, &sandbox.path("hosts")) else {
        return;
    };
    let (config, names) = (hosts.config(), hosts.names());
    let idle: Vec<usize> = (1..=2).map(|host| hosts.processes(host).len()).collect();
    let plan = sandbox.plan(&plan(3, 20, 30, 40));
    let running = sandbox.start(
        &[
            &["run", &plan, "--seed", "3"][..],
            &over_ssh(&hosts, &config, &names),
        ]
        .concat(),
    );
    sandbox.busy_worker();
    running.kill();
    sandbox.deserted();
    eventually("every login has ended", || {
        let now: Vec<usize> = (1..=2).map(|host| hosts.processes(host).len()).collect();
        // Logins that checked whether the hosts are up may still have been ending when they were
        // counted.
        now.iter()
            .zip(&idle)
            .all(|(now, idle)| now <= idle)
            .then_some(())
    });
}
