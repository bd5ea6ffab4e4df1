//! Drives a search over a model.

use stats::capacity::{
    Outcome, Probe, Purpose, Question, Rungs, Search, Seen, Settings, Step, Window,
};
use stats::order::{Arm, ArmOrder, ArmSet};
use stats::rng::Seed;

use crate::models::Bench;

pub(crate) fn settings(low: f64, high: f64) -> Settings {
    Settings {
        rungs: Rungs::new(low, high, 1.03).expect("a range"),
        levels: Vec::new(),
        question: Question {
            allowed: vec![0.01],
            dispersion: 1.0,
            error: 0.05,
        },
        arms: 3,
        precision: 0.05,
        windows: 400,
        least_rounds: 8,
    }
}

/// The same over numbers in flight, which nothing arrives at.
pub(crate) fn in_flight(low: u32, high: u32) -> Settings {
    let rates = settings(1.0, 2.0);
    Settings {
        rungs: Rungs::whole(low, high, 1.03).expect("a range"),
        question: Question {
            dispersion: 0.0,
            ..rates.question
        },
        ..rates
    }
}

/// The results of a probe.
pub(crate) fn measured(search: &Search, probe: Probe, bench: &mut Bench, seed: Seed) -> Seen {
    let x = search.settings().rungs.x(probe.at);
    let arms = if probe.purpose == Purpose::Round && search.settings().arms == 3 {
        ArmOrder::balanced(
            ArmSet::Three,
            1,
            seed.child("order").nth(probe.visit.into()),
        )[0]
        .arms()
        .to_vec()
    } else {
        vec![Arm::A]
    };
    let arrivals = seed
        .child("arrivals")
        .nth(probe.at.into())
        .nth(probe.visit.into());
    let window = |arm| Window {
        x,
        arm,
        counts: vec![bench.window(x.exp(), arm, arrivals)],
    };
    Seen {
        probe,
        windows: arms.into_iter().map(window).collect(),
        throughput: 0.0,
        limited: false,
    }
}

/// Searches to the end.
pub(crate) fn search(settings: Settings, bench: &mut Bench, seed: u64) -> (Outcome, Search) {
    let mut search = Search::new(settings);
    loop {
        match search.next() {
            Step::End(outcome) => return (*outcome, search),
            Step::Probe(probe) => {
                let seen = measured(&search, probe, bench, Seed(seed));
                search.take(seen);
            }
        }
    }
}
