//! Each way in which a search ends, over models that are so, with its twin.

use stats::capacity::{Limit, Outcome, Probe, Purpose, Search, Settings, Step};
use stats::rng::Seed;

use crate::drive::{measured, search, settings};
use crate::models::{Bench, Model, Times};

const TIMES: Times = Times {
    run_in: 20.0,
    window: 60.0,
};
const MM1: Model = Model::Mm1 {
    mu: 50.0,
    limit: 1.0,
};

fn names(model: Model, settings: &Settings, seeds: u64) -> Vec<Outcome> {
    (0..seeds)
        .map(|seed| {
            let mut bench = Bench::new(model, TIMES, 1.0, seed);
            search(settings.clone(), &mut bench, seed).0
        })
        .collect()
}

fn share(outcomes: &[Outcome], name: &str) -> f64 {
    let so = outcomes.iter().filter(|outcome| outcome.name() == name);
    so.count() as f64 / outcomes.len() as f64
}

#[test]
fn a_cliff_is_found_between_its_rungs() {
    let settings = settings(5.0, 200.0);
    let outcomes = names(Model::Cliff { at: 40.0 }, &settings, 200);
    assert!(
        share(&outcomes, "CLIFF") >= 0.95,
        "{}",
        share(&outcomes, "CLIFF")
    );
    for outcome in &outcomes {
        if let Outcome::Cliff { pass, fail } = outcome {
            assert!(settings.rungs.rate(*pass) <= 40.0 && settings.rungs.rate(*fail) > 40.0);
            assert_eq!(pass + 1, *fail);
        }
    }
    let twin = names(MM1, &settings, 200);
    assert!(
        share(&twin, "CLIFF") <= 0.05,
        "the twin: {}",
        share(&twin, "CLIFF")
    );
}

#[test]
fn a_rate_that_fails_below_others_is_found() {
    let settings = settings(5.0, 200.0);
    let bump = Model::Bump {
        mu: 50.0,
        limit: 1.0,
        from: 28.0,
        to: 35.0,
    };
    let outcomes = names(bump, &settings, 200);
    let edge = |rung: &u32| settings.rungs.rate(*rung) < 28.0;
    let honest = outcomes.iter().filter(|outcome| {
        matches!(outcome, Outcome::NotMonotone { pass, .. } if pass.as_ref().is_none_or(edge))
    });
    let honest = honest.count() as f64 / outcomes.len() as f64;
    let named = share(&outcomes, "NOT-MONOTONE");
    assert!(honest >= 0.95 && named >= 0.95, "{honest} {named}");
    let twin = names(MM1, &settings, 100);
    assert!(share(&twin, "NOT-MONOTONE") <= 0.01, "the twin");
}

#[test]
fn the_ends_of_the_range_are_said() {
    let above = names(MM1, &settings(2.0, 20.0), 50);
    let below = names(MM1, &settings(60.0, 200.0), 50);
    let highest = settings(2.0, 20.0).rungs.count() - 1;
    let at_least = Outcome::AtLeast {
        rung: Some(highest),
        limit: Limit::Range,
    };
    assert!(above.iter().all(|outcome| *outcome == at_least));
    assert!(
        below
            .iter()
            .all(|outcome| *outcome == Outcome::AtMost { rung: 0 })
    );
}

/// A generator that is late above 20/s fails every window there; the server's capacity is 45/s.
#[test]
fn a_late_generator_is_never_taken_for_the_server() {
    for seed in 0..50 {
        let mut bench = Bench::new(MM1, TIMES, 1.0, seed);
        let mut search = Search::new(settings(2.0, 200.0));
        let outcome = loop {
            match search.next() {
                Step::End(outcome) => break *outcome,
                Step::Probe(probe) => {
                    let mut seen = measured(&search, probe, &mut bench, Seed(seed));
                    if search.settings().rungs.rate(probe.at) > 20.0 {
                        seen.limited = true;
                        for window in &mut seen.windows {
                            window.counts[0].violated = window.counts[0].of / 3;
                        }
                    }
                    search.take(seen);
                }
            }
        };
        let limit = Limit::Generator;
        let Outcome::AtLeast {
            rung: Some(rung),
            limit: found,
        } = outcome
        else {
            panic!("{outcome:?}");
        };
        let rate = search.settings().rungs.rate(rung);
        assert!(found == limit && rate <= 20.0, "{rate}");
    }
}

#[test]
fn a_server_that_becomes_slower_is_unsteady() {
    let slows = Model::Slows {
        mu: 50.0,
        limit: 1.0,
        after: 26,
        factor: 0.7,
    };
    let settings = Settings {
        precision: 0.05,
        windows: 150,
        least_rounds: 8,
        ..settings(5.0, 200.0)
    };
    let outcomes = names(slows, &settings, 100);
    let found = share(&outcomes, "FOUND");
    assert!(found <= 0.05, "{found} FOUND");
    let twin = names(MM1, &settings, 100);
    assert!(share(&twin, "UNSTEADY") <= 0.02, "the twin");
}

#[test]
fn a_budget_that_ends_says_what_it_would_take() {
    let short = Settings {
        windows: 30,
        ..settings(5.0, 200.0)
    };
    for outcome in names(MM1, &short, 20) {
        let Outcome::Budget { estimate, needed } = outcome else {
            panic!("{outcome:?}");
        };
        assert!(
            estimate.is_some() && needed.is_some_and(|n| n > 30),
            "{needed:?}"
        );
    }
}

/// The same results give the same next probe: a search that is rebuilt from its first results at
/// every step makes the same probes. No probe is made twice.
#[test]
fn a_search_is_a_function_of_its_results() {
    let mut bench = Bench::new(MM1, TIMES, 1.0, 3);
    let (outcome, whole) = search(settings(5.0, 200.0), &mut bench, 3);
    let mut again = Search::new(settings(5.0, 200.0));
    for seen in whole.seen() {
        assert_eq!(again.next(), Step::Probe(seen.probe));
        again.take(seen.clone());
    }
    assert_eq!(again.next(), Step::End(Box::new(outcome)));
    let keys = |probe: &Probe| (probe.purpose == Purpose::Level, probe.at, probe.visit);
    let mut all: Vec<_> = whole.seen().iter().map(|seen| keys(&seen.probe)).collect();
    let made = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), made);
}

/// Where the range that the closed loops gave ends below the capacity, and every window passes at
/// first, the search goes on until windows fail: no interval comes of windows that are all alike.
#[test]
fn nothing_is_found_before_a_window_fails() {
    let settings = Settings {
        precision: 5.0,
        levels: vec![1, 2],
        ..settings(2.0, 200.0)
    };
    let mut bench = Bench::new(MM1, TIMES, 1.0, 1);
    let mut search = Search::new(settings);
    let outcome = loop {
        match search.next() {
            Step::End(outcome) => break *outcome,
            Step::Probe(probe) if probe.purpose == Purpose::Level => {
                search.take(stats::capacity::Seen {
                    probe,
                    windows: Vec::new(),
                    throughput: 8.0,
                    limited: false,
                });
            }
            Step::Probe(probe) => {
                let seen = measured(&search, probe, &mut bench, Seed(1));
                search.take(seen);
            }
        }
    };
    let Outcome::Found { estimate, .. } = outcome else {
        panic!("{outcome:?}");
    };
    let rate = estimate.baseline.centre.exp();
    assert!((40.0..52.0).contains(&rate), "{rate}");
}

/// The closed loops end when throughput levels off, and narrow the range.
#[test]
fn levels_come_first_and_narrow_the_range() {
    let settings = Settings {
        levels: vec![1, 2, 4, 8, 16, 32],
        ..settings(0.5, 2000.0)
    };
    let mut search = Search::new(settings);
    let mut levels = 0;
    let first = loop {
        match search.next() {
            Step::Probe(probe) if probe.purpose == Purpose::Level => {
                levels += 1;
                let n = f64::from(search.settings().levels[probe.at as usize]);
                search.take(stats::capacity::Seen {
                    probe,
                    windows: Vec::new(),
                    throughput: 50.0 * n / (1.0 + n),
                    limited: false,
                });
            }
            Step::Probe(probe) => break probe,
            Step::End(outcome) => panic!("{outcome:?}"),
        }
    };
    let rate = search.settings().rungs.rate(first.at);
    assert_eq!(levels, 6);
    assert!((4.0..66.0).contains(&rate), "{rate}");
}
