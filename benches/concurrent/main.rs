//! `cargo bench --package pgo-benchmarks`: one request, medium and high concurrency, for the built
//! programs that exist. Owns the levels and Criterion; starts programs through [`program`] and
//! never builds one.

#![expect(
    clippy::print_stderr,
    reason = "a program that tells its user what it does"
)]

mod prepare;
mod program;
mod turns;

use std::process::ExitCode;
use std::time::Duration;

use criterion::{Criterion, SamplingMode, Throughput};

use self::prepare::Prepared;
use self::program::Demand;
use self::turns::Turns;

/// A benchmark group of the original crate: its name and levels.
struct Group {
    name: &'static str,
    levels: &'static [(&'static str, Demand)],
}

const fn burst(concurrent: u32) -> Demand {
    Demand {
        concurrent,
        prompt_tokens: 32,
        output_tokens: 32,
    }
}

const fn alone(prompt_tokens: u32) -> Demand {
    Demand {
        concurrent: 1,
        prompt_tokens,
        output_tokens: 16,
    }
}

/// The same work as the coordinator's presets `single`, `medium` and `high`. If this machine has
/// too little memory, remove levels here, or run some alone: `cargo bench --package pgo-benchmarks
/// -- medium`.
const GROUPS: [Group; 3] = [
    Group {
        name: "single",
        levels: &[
            ("short", alone(16)),
            ("medium", alone(128)),
            ("long", alone(512)),
        ],
    },
    Group {
        name: "medium",
        levels: &[("10", burst(10)), ("25", burst(25)), ("50", burst(50))],
    },
    Group {
        name: "high",
        levels: &[("100", burst(100)), ("200", burst(200))],
    },
];

/// Rounds of every level: the fewest that Criterion accepts.
const ROUNDS: usize = 10;

/// Programs run outside the interval that Criterion times (see [`turns`]); it requires a time above
/// zero here.
const NO_WARM_UP: Duration = Duration::from_nanos(1);
const NO_PLANNING: Duration = Duration::from_micros(100);

fn main() -> ExitCode {
    // `cargo test --all-targets` also runs this program, without the flag of `cargo bench`: this is
    // not a test.
    if std::env::args().all(|word| word != "--bench")
        || std::env::args().any(|word| word == "--list")
    {
        return ExitCode::SUCCESS;
    }
    let mut criterion = Criterion::default()
        .sample_size(ROUNDS)
        .warm_up_time(NO_WARM_UP)
        .measurement_time(NO_PLANNING)
        .configure_from_args();
    let prepared = match prepare::prepare() {
        Ok(prepared) => prepared,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
    };
    for group in &GROUPS {
        measure(&mut criterion, group, &prepared);
    }
    criterion.final_summary();
    ExitCode::SUCCESS
}

fn measure(criterion: &mut Criterion, group: &Group, prepared: &Prepared) {
    let mut benches = criterion.benchmark_group(group.name);
    benches.sampling_mode(SamplingMode::Flat);
    for (level, demand) in group.levels {
        benches.throughput(Throughput::Elements(demand.concurrent.into()));
        let label = format!("{}/{level}", group.name);
        let mut turns = Turns::new(label, &prepared.programs, &prepared.model, *demand);
        for (index, program) in prepared.programs.iter().enumerate() {
            let id = criterion::BenchmarkId::new(program.name, level);
            benches.bench_function(id, |bencher| {
                let took = turns.next(index);
                bencher.iter_custom(|iterations| {
                    took.saturating_mul(u32::try_from(iterations).unwrap_or(u32::MAX))
                });
            });
        }
    }
    benches.finish();
}
