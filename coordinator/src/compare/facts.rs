//! Gathers from trials the facts that the validity checks use.

use std::collections::BTreeMap;
use std::time::Duration;

use contract::histogram::LatencyHistogram;
use contract::id::Arm;
use contract::metric::Metric;
use contract::part::StopCause;
use contract::run::{BlockDone, Role, RunState, VariantRecord};
use contract::spec::{Planned, Scenario, Shape, ShapeKind};
use stats::order;
use stats::validity::{
    self, Checked, CodeIdentity, Finding, Location, PairingFacts, Pressure, Thresholds, TrialFacts,
    check_pairing, checked_trial,
};

use super::part_summary::PartSummary;
use super::trials::{Round, Trial};
use super::{limits, replaced, slices, window};
use crate::schedule::Block;
use crate::store::RunRecord;

/// Linux counts processor time of a host in hundredths of a second on every architecture in use.
const TICKS_PER_SECOND: f64 = 100.0;

/// Number of stretches into which an evenly changing load is divided. Within one, the load counts
/// as constant.
const STRETCHES: u32 = 4;

/// Every reason to doubt one cell, and every check that applied to its arms.
pub(super) fn check(
    record: &RunRecord,
    scenario: &Scenario,
    block: &Block,
    rounds: &[&Round],
    thresholds: &Thresholds,
) -> (Vec<Finding>, Vec<(Arm, Checked)>) {
    let median_e2e = median_e2e(rounds);
    let shape = match scenario.shape.kind() {
        ShapeKind::Burst => validity::LoadKind::Burst,
        ShapeKind::Closed => validity::LoadKind::Closed,
        ShapeKind::Open => validity::LoadKind::Open,
    };
    let mut checks = Vec::new();
    for arm in Arm::ALL {
        let trials: Vec<&Trial> = rounds
            .iter()
            .filter_map(|round| round.arms.get(&arm))
            .collect();
        if !trials.is_empty() {
            let facts = TrialFacts {
                others_share: others_share(&at_once(arm, block, rounds)),
                ..arm_facts(arm, scenario, &trials, median_e2e)
            };
            checks.extend(
                checked_trial(&facts, shape, thresholds)
                    .into_iter()
                    .map(|checked| (arm, checked)),
            );
        }
    }
    let mut findings: Vec<Finding> = checks
        .iter()
        .filter_map(|(_, c)| c.finding.clone())
        .collect();
    let replaced = replaced::servers(record, rounds, block.windows).into_iter();
    findings.extend(replaced.map(|(arm, reason)| Finding {
        place: Some(Location {
            arm: own(arm),
            round: None,
        }),
        reason,
    }));
    if block.candidate.is_some() {
        findings.extend(check_pairing(
            &pairing_facts(record, block, rounds),
            thresholds,
        ));
    }
    (findings, checks)
}

fn median_e2e(rounds: &[&Round]) -> Duration {
    let trials: Vec<&Trial> = rounds
        .iter()
        .flat_map(|round| round.arms.values())
        .collect();
    quantile(&merged(&trials, Metric::E2e), 0.5).unwrap_or_default()
}

/// Facts of an arm over all its rounds: the interval already includes the noise of one preempted
/// trial of thirty, and the p99 of a burst of a hundred is nearly its maximum. The requirements on
/// single parts were checked when they were accepted.
fn arm_facts(arm: Arm, scenario: &Scenario, trials: &[&Trial], median_e2e: Duration) -> TrialFacts {
    let parts = || trials.iter().flat_map(|trial| &trial.parts);
    let sum = |pick: fn(&PartSummary) -> u64| parts().map(pick).sum::<u64>();
    let ticks = sum(|part| part.usage.host_ticks);
    let steal = sum(|part| part.usage.host_steal_ticks);
    let late = merged(trials, Metric::Lateness);
    let overflow = |metric: &Metric| merged(trials, *metric).exact().overflow;
    let stopped = sum(|part| u64::from(part.stopped != StopCause::AsPlanned));
    let many = trials.iter().any(|trial| trial.parts.len() > 1);
    let open = scenario.shape.kind() == ShapeKind::Open;
    // Under a load that changes, the engine's latency may change as well.
    let lasting = trials.iter().filter(|_| open && scenario.shape.is_steady());
    let (ttft_windows, in_flight_windows) =
        lasting.filter_map(|trial| slices::pressure(trial)).unzip();
    TrialFacts {
        arm: own(arm),
        round: None,
        planned: match scenario.planned() {
            Planned::Exactly(requests) if stopped == 0 => trials
                .iter()
                .map(|trial| trial.left.unwrap_or(requests.into()))
                .sum(),
            // Each part was checked against its plan when it was accepted.
            _ => sum(|part| part.outcomes.planned),
        },
        issued: sum(|part| part.outcomes.ended()),
        stopped: (stopped, parts().count() as u64),
        succeeded: sum(|part| part.outcomes.ok),
        failed: sum(|part| part.outcomes.not_ok()),
        overflowed: Metric::ALL.iter().map(overflow).sum(),
        lateness_p99: quantile(&late, 0.99),
        median_e2e,
        // A single worker has no start skew, however well its clock is known.
        start_skew: many.then(|| median(trials.iter().map(|trial| skew(trial)).collect())),
        clock_uncertainty: many
            .then(|| median(parts().map(|part| part.window.clock_uncertainty).collect())),
        generator_share: generator_share(trials),
        floor_share: limits::floor_share(trials),
        steal_share: (ticks > 0).then(|| steal as f64 / ticks as f64),
        others_share: None,
        frequency_range: limits::frequency_range(trials),
        duration: window::shortest(trials),
        offered: open.then(|| (sum(|part| part.offered), sum(sent_in_time))),
        little: window::little(trials),
        latency_windows: latency_windows(scenario, trials),
        ttft_windows,
        in_flight_windows,
        pressure: if open {
            pressure(scenario, trials)
        } else {
            None
        },
    }
}

/// Pressure of an open loop that answered at least one request: from the slices of its windows or,
/// in parts without slices, from quantiles of the wait.
fn pressure(scenario: &Scenario, trials: &[&Trial]) -> Option<Pressure> {
    let wall = window::shortest(trials);
    let stretch = match &scenario.shape {
        Shape::Steps { each, .. } => *each,
        shape if shape.is_steady() => wall,
        shape => shape.length().unwrap_or(wall) / STRETCHES,
    };
    slices::growth(trials, stretch).or_else(|| {
        let ttft = merged(trials, Metric::Ttft);
        let (least, most) = (quantile(&ttft, 0.1)?, quantile(&ttft, 0.9)?);
        Some(Pressure {
            least,
            most,
            backlog: None,
            stretch,
        })
    })
}

/// Older parts did not count this; they sent everything in time.
fn sent_in_time(part: &PartSummary) -> u64 {
    part.in_time.unwrap_or(part.outcomes.planned)
}

/// Latency is not expected to be constant under a load that changes.
fn latency_windows(scenario: &Scenario, trials: &[&Trial]) -> Vec<Vec<f64>> {
    let closed = matches!(scenario.shape, Shape::ClosedLoop { .. });
    let lasting = trials
        .iter()
        .filter(|_| closed || scenario.shape.is_steady());
    let of = |trial: &&&Trial| window::latency(trial).or_else(|| slices::latency(trial));
    lasting.filter_map(|trial| of(&trial)).collect()
}

fn merged(trials: &[&Trial], metric: Metric) -> LatencyHistogram {
    let mut all = LatencyHistogram::default();
    trials
        .iter()
        .for_each(|trial| all.add(trial.histograms.get(metric)));
    all
}

fn quantile(histogram: &LatencyHistogram, q: f64) -> Option<Duration> {
    stats::summary::quantile(histogram.buckets(), q).map(|ns| Duration::from_nanos(ns as u64))
}

/// Latest minus earliest start over the workers of a trial.
fn skew(trial: &Trial) -> Duration {
    let lates = || trial.parts.iter().map(|part| part.window.start_late);
    lates()
        .max()
        .zip(lates().min())
        .map_or(Duration::ZERO, |(latest, earliest)| latest - earliest)
}

fn median(mut values: Vec<Duration>) -> Duration {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// The trials of an arm, each with the trials that ran at the same time, because the other arm of a
/// duet is not another program.
fn at_once<'a>(arm: Arm, block: &Block, rounds: &[&'a Round]) -> Vec<Vec<&'a Trial>> {
    let of = |round: &&'a Round| {
        round
            .arms
            .iter()
            .filter(|(other, _)| block.duet || **other == arm)
            .map(|(_, trial)| trial)
            .collect()
    };
    rounds
        .iter()
        .filter(|round| round.arms.contains_key(&arm))
        .map(of)
        .collect()
}

/// Share of the hosts' processor time used by other programs, over all trials.
fn others_share(at_once: &[Vec<&Trial>]) -> Option<f64> {
    let (mut others, mut all) = (0.0, 0.0);
    for trials in at_once {
        let mut hosts: BTreeMap<&str, (u64, u64, f64)> = BTreeMap::new();
        for part in trials.iter().flat_map(|trial| &trial.parts) {
            // Every slot of a host sees the whole host, and their windows are nearly the same.
            let host = hosts.entry(&part.origin.hostname).or_default();
            host.0 = host.0.max(part.usage.host_busy_ticks);
            host.1 = host.1.max(part.usage.host_ticks);
            host.2 +=
                (part.usage.cpu_user + part.usage.cpu_system).as_secs_f64() * TICKS_PER_SECOND;
        }
        for (busy, ticks, own) in hosts.into_values() {
            others += busy as f64 - own;
            all += ticks as f64;
        }
    }
    (all > 0.0).then(|| (others / all).max(0.0))
}

/// Busy share of the busiest slot's generator thread, over all trials.
fn generator_share(trials: &[&Trial]) -> Option<f64> {
    let mut slots: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
    for part in trials.iter().flat_map(|trial| &trial.parts) {
        let slot = slots.entry(part.place.slot).or_default();
        slot.0 += part.usage.driver_cpu.as_secs_f64();
        slot.1 += part.usage.wall.as_secs_f64();
    }
    slots
        .values()
        .filter(|(_, wall)| *wall > 0.0)
        .map(|(busy, wall)| busy / wall)
        .reduce(f64::max)
}

fn pairing_facts(record: &RunRecord, block: &Block, rounds: &[&Round]) -> PairingFacts {
    let mismatched = |round: &&&Round| !tokens_agree(round);
    let mut failures: BTreeMap<Arm, (u64, u64)> = BTreeMap::new();
    for (arm, trial) in rounds.iter().flat_map(|round| &round.arms) {
        let entry = failures.entry(*arm).or_default();
        entry.0 += trial.outcomes.ended();
        entry.1 += trial.outcomes.not_ok();
    }
    let unchecked = rounds.iter().filter(|round| !tokens_checked(round)).count();
    let mut mismatches: Vec<usize> = rounds
        .iter()
        .filter(mismatched)
        .map(|round| (round.index / block.windows) as usize)
        .collect();
    mismatches.dedup();
    PairingFacts {
        code: code(record, block),
        losses: losses(record, block),
        shrunk: shrunk(record, block),
        token_mismatches: mismatches,
        tokens_unchecked: (unchecked, rounds.len()),
        failures: failures
            .into_iter()
            .map(|(arm, (issued, failed))| (own(arm), issued, failed))
            .collect(),
    }
}

/// Whether each share of the requests got the same tokens under every arm, if all its requests were
/// answered.
fn tokens_agree(round: &Round) -> bool {
    let mut digests = BTreeMap::new();
    round
        .arms
        .values()
        .flat_map(|trial| &trial.parts)
        .all(|part| {
            part.outcomes.not_ok() > 0
                || *digests.entry(part.share).or_insert(part.token_digest) == part.token_digest
        })
}

/// Whether at least one share was answered completely under the candidate and under a baseline arm.
fn tokens_checked(round: &Round) -> bool {
    let whole = |arm: Arm| -> Vec<u32> {
        let parts = round
            .arms
            .get(&arm)
            .into_iter()
            .flat_map(|trial| &trial.parts);
        parts
            .filter(|part| part.outcomes.not_ok() == 0)
            .map(|part| part.share)
            .collect()
    };
    let baseline = [whole(Arm::A), whole(Arm::A2)].concat();
    whole(Arm::B).iter().any(|share| baseline.contains(share))
}

/// Workers lost in blocks that a later attempt completed and, once the run has ended, in blocks
/// that were never completed.
fn losses(record: &RunRecord, block: &Block) -> (u64, u64) {
    let given_up = record
        .end
        .as_ref()
        .is_some_and(|end| end.state == RunState::Failed);
    let (mut repeated, mut gone) = (0, 0);
    for notice in record
        .notices
        .iter()
        .filter(|notice| notice.key.cell == block.cell)
    {
        let here = |b: &&BlockDone| (b.cell, b.round) == (notice.key.cell, notice.key.round);
        match record.blocks.iter().find(here) {
            // If the run may shrink, the block was completed without that worker.
            Some(done) if done.attempt > notice.attempt || done.lost_requests > 0 => {
                repeated += notice.workers_lost();
            }
            // Its part had arrived before: nothing was lost.
            Some(_) => {}
            None if given_up => gone += notice.workers_lost(),
            None => {}
        }
    }
    (repeated, gone)
}

/// Requests of a cell that were not sent because the run shrank.
fn shrunk(record: &RunRecord, block: &Block) -> u64 {
    record
        .blocks
        .iter()
        .filter(|done| done.cell == block.cell)
        .map(|done| done.lost_requests)
        .sum()
}

fn code(record: &RunRecord, block: &Block) -> CodeIdentity {
    if record.header.simulated {
        return CodeIdentity::Simulated;
    }
    let build = |name: &str| record.header.variants.iter().find(|v| v.name == name);
    let candidate = block.candidate.as_deref().and_then(build);
    if record.header.is(Role::SameBuild) {
        CodeIdentity::SameOnPurpose
    } else if same_code(candidate, build(&block.baseline)) {
        CodeIdentity::Same
    } else {
        CodeIdentity::Different
    }
}

/// Whether two builds are the same code. Builds of two commits with the same functions may still
/// differ in their constants; builds of one commit cannot.
fn same_code(one: Option<&VariantRecord>, other: Option<&VariantRecord>) -> bool {
    let (Some(one), Some(other)) = (one, other) else {
        return one.is_none() && other.is_none();
    };
    let of_two_commits = one.git_sha != other.git_sha;
    one.text_sha256 == other.text_sha256
        && one.identity == other.identity
        && (one.sha256 == other.sha256 || !of_two_commits)
}

fn own(arm: Arm) -> order::Arm {
    match arm {
        Arm::A => order::Arm::A,
        Arm::B => order::Arm::B,
        Arm::A2 => order::Arm::A2,
    }
}
