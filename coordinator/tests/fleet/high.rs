//! The whole plan `high` on the simulator: the same through every launcher, with known counts.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::Duration;

use contract::id::Arm;
use contract::run::RunState;
use coordinator::plan::Plan;
use coordinator::store::RunRecord;

use crate::sandbox::{Ended, Sandbox};
use crate::security::{Agent, agent, free};
use crate::tally::{requests, state};

/// Runs it with all rounds.
pub(crate) const HIGH: [&str; 7] = ["run", "--preset", "high", "--engine", "sim", "--seed", "7"];
/// Far more than sixty trials take.
pub(crate) const LONGEST: Duration = Duration::from_secs(600);

/// Requests with an outcome, by scenario and arm.
type Counts = BTreeMap<(String, Arm), u64>;

fn counted(record: &RunRecord, plan: &Plan) -> Counts {
    let mut counts = Counts::new();
    for part in &record.parts {
        let scenario = &plan.scenarios[part.place.key.cell as usize];
        *counts
            .entry((scenario.name.clone(), part.place.key.arm))
            .or_default() += part.outcomes.ended();
    }
    counts
}

/// What the plan asks for, with any launcher.
fn planned(plan: &Plan) -> Counts {
    let each = plan.scenarios.iter().flat_map(|scenario| {
        let requests = u64::from(scenario.requests()) * u64::from(plan.rounds);
        [Arm::A, Arm::B, Arm::A2].map(|arm| ((scenario.name.clone(), arm), requests))
    });
    each.collect()
}

/// Checks that the latest run is complete, with this many slots and hosts, and has the same counts
/// as everywhere.
pub(crate) fn whole(
    sandbox: &Sandbox,
    slots: u32,
    hosts: usize,
    said: &dyn std::fmt::Debug,
) -> RunRecord {
    let record = sandbox.latest();
    assert_eq!(
        state(&record),
        Some(RunState::Complete),
        "{:?} {said:?}",
        record.end
    );
    assert_eq!(
        (record.header.slots, record.header.hosts.len()),
        (slots, hosts),
        "{said:?}"
    );
    let plan = Plan::from_json(&record.header.plan_json).unwrap();
    assert_eq!((plan.name.as_str(), plan.rounds), ("high", 10));
    let counts = counted(&record, &plan);
    assert_eq!(counts, planned(&plan), "{said:?}");
    assert_eq!(
        counts.values().copied().collect::<Vec<_>>(),
        [1000, 1000, 1000, 2000, 2000, 2000]
    );
    assert_eq!(requests(&record), 9000);
    record
}

/// The run is complete, whatever the verdict on a busy machine.
pub(crate) fn done(ended: &Ended) {
    assert!(matches!(ended.code, Some(0 | 3 | 4)), "{ended:?}");
}

#[test]
fn one_host_and_agents_that_somebody_else_started_count_the_same() {
    let sandbox = Sandbox::new();
    let ended = sandbox
        .start(&[&HIGH[..], &["--slots", "4"]].concat())
        .end_within(LONGEST);
    done(&ended);
    whole(&sandbox, 4, 1, &ended);

    let address = free();
    let (url, listen) = (format!("http://{address}"), address.to_string());
    let fleet = [
        "--slots",
        "2",
        "--launcher",
        "attach",
        "--agents",
        "2",
        "--listen",
        &listen,
    ];
    let token = "of the test";
    let running = sandbox.start_with(&[&HIGH[..], &fleet].concat(), &[("PGO_BENCH_TOKEN", token)]);
    let agents = ["one", "two"].map(|name| {
        let mut agent = agent(&sandbox, &url, None, Some(token));
        Agent(
            agent
                .args(["--name", name])
                .stderr(Stdio::null())
                .spawn()
                .unwrap(),
        )
    });
    let ended = running.end_within(LONGEST);
    done(&ended);
    whole(&sandbox, 4, 2, &ended);
    drop(agents);
    sandbox.deserted();
}
