//! Tables of a search for a capacity: capacities, objectives, closed loops, probes. Must not judge.

use stats::capacity::{Estimate, Interval};

use super::table::Table;
use crate::capacity::{CapacityAnswer, HostSeen, LevelSeen, OfObjective, ProbeSeen};
use crate::report::phrases::capacity::{change, figure, probed, purpose, range, unit};

/// The capacity of each build, and their ratio.
pub(crate) fn capacities(answer: &CapacityAnswer, estimate: &Estimate) -> Table {
    let table = Table::new("Capacities", ["", unit(answer), "95 % interval"]);
    let row = |name: &str, interval: Interval| {
        [
            name.to_owned(),
            figure(interval.centre.exp()),
            range(interval),
        ]
    };
    let ratio = |name: &str, interval: Interval| {
        let range = format!("{} to {}", change(interval.low()), change(interval.high()));
        [name.to_owned(), change(interval.centre), range]
    };
    let mut rows = vec![row(&answer.baseline, estimate.baseline)];
    if let Some((candidate, interval)) = answer.candidate.as_ref().zip(estimate.candidate) {
        rows.push(row(candidate, interval));
    }
    rows.extend(
        estimate
            .ratio
            .map(|gained| ratio("capacity gained", gained)),
    );
    rows.extend(
        estimate
            .control
            .map(|control| ratio("control (baseline again)", control)),
    );
    table.words(&[0]).with(rows)
}

/// The capacity of each objective alone.
pub(crate) fn objectives(answer: &CapacityAnswer) -> Table {
    let headings = [
        "objective",
        unit(answer),
        "95 % interval",
        "gained",
        "p (Holm)",
        "verdict",
    ];
    let row = |of: &OfObjective| {
        let gain = of.gain.as_ref();
        let none = || "–".to_owned();
        [
            of.objective.to_string(),
            figure(of.estimate.baseline.centre.exp()),
            range(of.estimate.baseline),
            gain.map_or_else(none, |gain| change(gain.ratio.centre)),
            gain.and_then(|gain| gain.adjusted_p)
                .map_or_else(none, |p| format!("{p:.3}")),
            gain.map_or_else(none, |gain| gain.verdict.name().to_owned()),
        ]
    };
    Table::new("Each objective alone", headings)
        .words(&[0, 5])
        .with(answer.by_objective.iter().map(row))
}

/// The load of the whole fleet at which the requests of each host reach the limit.
pub(crate) fn hosts(answer: &CapacityAnswer) -> Table {
    let row = |host: &HostSeen| {
        [
            host.name.clone(),
            figure(host.estimate.centre.exp()),
            range(host.estimate),
            change(host.over_others.centre),
            format!("{:.3}", host.p),
            if host.odd { "odd" } else { "" }.to_owned(),
        ]
    };
    Table::new(
        "Each host alone, as a load of the whole fleet",
        [
            "host",
            unit(answer),
            "95 % interval",
            "to others",
            "p (Holm)",
            "",
        ],
    )
    .words(&[0, 5])
    .with(answer.hosts.iter().map(row))
}

/// The closed loops that came first.
pub(crate) fn levels(answer: &CapacityAnswer) -> Table {
    let table = Table::new("Closed loops", ["in flight", "requests/s", "tokens/s"]);
    let row = |level: &LevelSeen| {
        [
            level.in_flight.to_string(),
            figure(level.requests_per_second),
            figure(level.tokens_per_second),
        ]
    };
    table.with(answer.levels.iter().map(row))
}

/// The other probes, in order.
pub(crate) fn probes(answer: &CapacityAnswer) -> Table {
    let row = |probe: &ProbeSeen| {
        let share = |count: &stats::capacity::Count| format!("{:.2} %", 100.0 * count.share());
        let arm = |(arm, counts): &(&str, Vec<_>)| {
            let each: Vec<String> = counts.iter().map(share).collect();
            format!("{arm} {}", each.join(", "))
        };
        let arms: Vec<String> = probe.arms.iter().map(arm).collect();
        [
            probed(answer, probe.rate),
            purpose(probe.purpose).to_owned(),
            format!("{}{}", arms.join("; "), late(probe)),
        ]
    };
    Table::new("Probes in order", [heading(answer), "why", "violations"])
        .words(&[1, 2])
        .with(answer.probes.iter().map(row))
}

/// The same with counts, one row for each arm.
pub(crate) fn counts(answer: &CapacityAnswer) -> Table {
    let headings = [
        "#",
        heading(answer),
        "why",
        "arm",
        "violated",
        "of",
        "margin",
        "",
    ];
    let rows = (1..).zip(&answer.probes).flat_map(|(at, probe)| {
        probe
            .arms
            .iter()
            .enumerate()
            .map(move |(nth, (arm, counts))| {
                let violated: Vec<String> = counts.iter().map(|c| c.violated.to_string()).collect();
                let once = |text: String| if nth == 0 { text } else { String::new() };
                [
                    once(at.to_string()),
                    once(probed(answer, probe.rate)),
                    once(purpose(probe.purpose).to_owned()),
                    (*arm).to_owned(),
                    violated.join(", "),
                    counts.first().map_or(0, |count| count.of).to_string(),
                    once(format!("{:+.2}", probe.margin)),
                    once(late(probe).trim_start_matches("; ").to_owned()),
                ]
            })
    });
    Table::new("Probes in order", headings)
        .words(&[2, 3, 7])
        .with(rows)
}

fn heading(answer: &CapacityAnswer) -> &'static str {
    match answer.rungs.are_whole() {
        true => "in flight",
        false => "rate",
    }
}

fn late(probe: &ProbeSeen) -> &'static str {
    match probe.limited {
        true => "; generator late",
        false => "",
    }
}
