//! Nothing is allocated on the driver's thread between the first and the last turn, counted by the
//! allocator.
#![expect(unsafe_code, reason = "a global allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use super::rig;
use contract::spec::{
    Demand, EngineSpec, Objectives, Scenario, Shape, Share, SimSpec, StopSpec, Warmup,
};
use worker::engine::linked::Engines;
use worker::engine::{self, EngineRequest};
use worker::load::arrival::Arrivals;
use worker::load::control::Control;
use worker::load::driver::{Bench, DriveEnd, Driver};
use worker::load::files::Files;
use worker::load::inbox::Inbox;
use worker::load::phase::{Phase, PhaseKind};
use worker::load::requests::{DIFFERENT, Requests};
use worker::measure::{Clock, RecordingPlan};

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: both calls are forwarded unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|n| n.set(n.get() + 1));
        // SAFETY: forwarded.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: forwarded.
        unsafe { System.dealloc(at, layout) }
    }
}

/// Allocations of a whole phase in virtual time, in which the engine also runs on the driver's
/// thread; `waste` is called once during it.
fn allocations(shape: Shape, waste: fn()) -> u64 {
    allocations_of(rig::scenario(shape), waste)
}

fn allocations_of(scenario: Scenario, waste: fn()) -> u64 {
    let (clock, inbox, control) = (Clock::simulated(), Inbox::default(), Control::new());
    let work = rig::whole(scenario);
    let demand = Demand {
        concurrency: 100,
        tokens_per_request: 24,
    };
    let spec = EngineSpec::Sim(SimSpec::default());
    let mut opened = engine::open(
        Engines::default(),
        &spec,
        demand,
        1,
        Arc::new(clock.clone()),
        inbox.sink(&clock),
        &mut |_| (),
    )
    .expect("it opens");
    let files = Files::open(&work).expect("there are none");
    let phase = Phase::measured(&work, &*opened.engine, &files).expect("the words are known");
    let bench = Bench {
        engine: &mut *opened.engine,
        inbox: &inbox,
        clock: &clock,
        control: &control,
    };
    let start = clock.now();
    let mut driver = Driver::new(bench, phase, start);
    let before = ALLOCATIONS.get();
    assert_eq!(driver.run(&mut |_, _| waste()), DriveEnd::Done);
    let counted = ALLOCATIONS.get() - before;
    assert_eq!(driver.into_recorder().outcomes().ok, 200);
    counted
}

/// Allocations while an engine with room for `events` answers 300 requests of 64 tokens at once.
fn allocations_of_floor(events: usize) -> u64 {
    let (clock, inbox, control) = (Clock::monotonic(), Inbox::default(), Control::new());
    let mut engine = engine::null(inbox.sink(&clock), events);
    let share = Share { index: 0, of: 1 };
    let request = |index| {
        Ok::<_, ()>(
            EngineRequest {
                index,
                prompt: [1].into(),
                max_new_tokens: 64,
            }
            .into(),
        )
    };
    let requests = Requests::prepare(300, 0, share, DIFFERENT, request).expect("it is made");
    let plan = RecordingPlan {
        share,
        requests: 300,
        run_in: 0,
        compared: 300,
        in_flight: 8,
        output_tokens: 64,
        timeout: Duration::from_secs(3600),
        objectives: Objectives::default(),
        start: Duration::ZERO,
        ends: None,
    };
    let phase = Phase {
        arrivals: Arrivals::closed(8),
        ..Phase::simple(PhaseKind::Measured, requests, plan)
    };
    let bench = Bench {
        engine: &mut *engine,
        inbox: &inbox,
        clock: &clock,
        control: &control,
    };
    let mut driver = Driver::new(bench, phase, clock.now());
    let before = ALLOCATIONS.get();
    assert_eq!(driver.run(&mut |_, _| ()), DriveEnd::Done);
    let counted = ALLOCATIONS.get() - before;
    assert_eq!(driver.into_recorder().tokens_so_far(), 300 * 64);
    counted
}

#[test]
fn nineteen_thousand_tokens_on_the_monotonic_clock_allocate_nothing() {
    assert_eq!(allocations_of_floor(8 * 66), 0);
}

#[test]
fn an_engine_without_room_for_its_events_would_be_caught_allocating() {
    assert!(allocations_of_floor(0) > 0);
}

#[test]
fn the_measured_path_allocates_nothing() {
    assert_eq!(allocations(Shape::Burst { requests: 200 }, || ()), 0);
    assert_eq!(
        allocations(
            Shape::ClosedLoop {
                concurrency: 50,
                requests: Some(200)
            },
            || ()
        ),
        0
    );
    let open = Scenario {
        stop: StopSpec {
            requests: Some(200),
            over_saturation: true,
            ..StopSpec::default()
        },
        warmup: Warmup {
            run_in: Some(Duration::from_millis(100)),
            ..Warmup::default()
        },
        max_in_flight: Some(4),
        ..rig::scenario(Shape::Poisson { rate: 500.0 })
    };
    assert_eq!(
        allocations_of(open, || ()),
        0,
        "with everything an open loop can have"
    );
}

#[test]
fn an_allocation_would_be_counted() {
    let waste = || drop(std::hint::black_box(vec![0u8; 100]));
    assert_eq!(allocations(Shape::Burst { requests: 200 }, waste), 1);
}
