//! Searches over numbers in flight: coverage where the capacity is known, and small numbers, where
//! it is exact.

use stats::capacity::Outcome;

use crate::coverage::{covers, table};
use crate::drive::{in_flight, search};
use crate::models::{Bench, Model, Times};

const TIMES: Times = Times {
    run_in: 0.0,
    window: 2.0,
};
const BASE: f64 = 0.010;
const EACH: f64 = 0.0012;
const LIMIT: f64 = 0.058;

/// ln N at which 1 % of the requests take longer than the limit: the noise of a request and that of
/// its window add, and z(0.01) = 2.3263.
fn exact(ratio: f64) -> f64 {
    let noise = 2.326_347_874 * (0.1f64.powi(2) + 0.02f64.powi(2)).sqrt();
    ((LIMIT * ratio / noise.exp() - BASE) / EACH).ln()
}

#[test]
fn a_closed_loop_with_a_known_capacity() {
    let model = Model::Closed {
        base: BASE,
        each: EACH,
        limit: LIMIT,
    };
    for ratio in [1.0, 1.05] {
        let truth = (exact(1.0), exact(ratio) - exact(1.0));
        let found = table(model, TIMES, ratio, 200, &in_flight(1, 256), truth);
        covers(&found, 0.93);
    }
}

/// Between 3 and 4 there is no number, so that the end of the search is exact. A rate has a cliff
/// between two rungs, and its place is not known further.
#[test]
fn a_small_capacity_is_exact() {
    for seed in 0..100 {
        let settings = in_flight(1, 64);
        let times = Times {
            window: 600.0,
            ..TIMES
        };
        let mut bench = Bench::new(Model::Cliff { at: 3.5 }, times, 1.0, seed);
        let (outcome, done) = search(settings, &mut bench, seed);
        let Outcome::Cliff { pass, fail } = outcome else {
            panic!("{outcome:?}");
        };
        let rungs = &done.settings().rungs;
        assert_eq!((rungs.rate(pass), rungs.rate(fail)), (3.0, 4.0));
    }
}
