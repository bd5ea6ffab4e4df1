//! Half an hour of a rising load over sixteen workers, in virtual time: a load as long as a real one, twice the same to
//! the bit. How long it takes is not asserted.

use std::sync::Arc;
use std::time::Duration;

use contract::identity::Sha256;
use contract::metric::Metric;
use contract::part::{Histograms, Outcomes, RequestRecord};
use contract::spec::{Demand, EngineSpec, Objectives, Share, SimSpec};
use worker::engine::{self, EngineRequest};
use worker::load::arrival::Arrivals;
use worker::load::control::Control;
use worker::load::driver::{Bench, DriveEnd, Driver};
use worker::load::inbox::Inbox;
use worker::load::phase::{Phase, PhaseKind};
use worker::load::stop::Stop;
use worker::measure::{Clock, Measured, Plan};

const WORKERS: u32 = 16;
const SECONDS: f64 = 1800.0;
/// Requests a second, all workers together, at the beginning and at the end.
const RATES: (f64, f64) = (1.0, 500.0);
/// The mean of both rates for half an hour.
const REQUESTS: u32 = 450_900;
/// Most that one worker has in flight.
const IN_FLIGHT: u32 = 1024;

/// When the request of this number is due, in seconds: where the integral of a rate that rises evenly reaches it.
fn due(request: u32) -> f64 {
    let (from, slope) = (RATES.0, (RATES.1 - RATES.0) / SECONDS);
    ((from * from + 2.0 * slope * f64::from(request)).sqrt() - from) / slope
}

fn phase(share: Share, seed: u64) -> Phase {
    let requests = share.count(REQUESTS);
    let request = |index| EngineRequest { index, prompt: vec![1, 2], max_new_tokens: 1 };
    let ours = (0..requests).map(move |at| share.index + at * share.of);
    // Another seed shifts every arrival: the twin's load.
    let shift = seed as f64 * 1e-4;
    Phase {
        kind: PhaseKind::Measured,
        requests: ours.clone().map(request).collect(),
        arrivals: Arrivals::fixed(ours.map(move |index| Duration::from_secs_f64(due(index) + shift))),
        stop: Stop::Requests(requests.into()),
        plan: Plan {
            share,
            requests,
            in_flight: IN_FLIGHT,
            output_tokens: 1,
            timeout: Duration::from_secs(60),
            objectives: Objectives::default(),
            start: Duration::ZERO,
        },
    }
}

fn worker(index: u32, seed: u64) -> Measured {
    let (clock, inbox, control) = (Clock::simulated(), Inbox::default(), Control::new());
    let spec = EngineSpec::Sim(SimSpec::default());
    let demand = Demand { concurrency: IN_FLIGHT, tokens_per_request: 3 };
    let mut opened = engine::open(&spec, demand, 1, Arc::new(clock.clone()), inbox.sink(&clock), &mut |_| ())
        .expect("it opens");
    let bench = Bench { engine: &mut *opened.engine, inbox: &inbox, clock: &clock, control: &control };
    let mut driver = Driver::new(bench, phase(Share { index, of: WORKERS }, seed), clock.now());
    assert_eq!(driver.run(&mut |_| ()), DriveEnd::Done);
    driver.into_recorder().finish()
}

/// Everything that is measured, merged, and each worker's tokens and first requests.
fn fleet(seed: u64) -> (Histograms, Outcomes, Vec<(Sha256, Vec<RequestRecord>)>) {
    let (mut histograms, mut outcomes, mut each) = (Histograms::default(), Outcomes::default(), Vec::new());
    for index in 0..WORKERS {
        let measured = worker(index, seed);
        histograms.add(&measured.histograms);
        outcomes.add(&measured.outcomes);
        each.push((measured.token_digest, measured.requests));
    }
    (histograms, outcomes, each)
}

#[test]
fn half_an_hour_of_sixteen_workers_is_the_same_twice_and_differs_for_another_load() {
    let (once, twice) = (fleet(0), fleet(0));
    assert!(once == twice, "the same to the bit");
    assert_eq!((once.1.planned, once.1.ok), (REQUESTS.into(), REQUESTS.into()));
    let lateness = once.0.get(Metric::Lateness).exact();
    assert_eq!((lateness.count, lateness.max), (REQUESTS.into(), 1), "in virtual time nobody is late");
    let last = due(REQUESTS - 1);
    assert!((SECONDS - 1.0..=SECONDS).contains(&last), "{last}");
    assert!(worker(0, 1).requests != worker(0, 0).requests, "a shifted load would be seen");
}
