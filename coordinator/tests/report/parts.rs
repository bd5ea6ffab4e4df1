//! The parts of a story, computed arithmetically.

use std::time::Duration;

use contract::id::Arm;
use contract::identity::Sha256;
use contract::metric::Metric;
use contract::part::{
    Bucket, ColdPhase, EngineFacts, Histograms, Length, Origin, Outcomes, Part, PartKey, Sent,
    Series, ServerFacts, StopCause, Usage, Window,
};
use coordinator::plan::Plan;
use coordinator::schedule::Block;
use stats::rng::Seed;

use super::sample::{Story, run};

impl Story {
    pub(crate) fn parts(&self, plan: &Plan, block: &Block) -> Vec<Part> {
        let requests =
            plan.scenarios[block.scenario as usize].requests() / plan.slots_of_an_arm(self.slots);
        let one = |arm: Arm, slot| self.part(block, arm, slot, u64::from(requests));
        let takes_part = |arm: Arm, slot: &u32| !block.duet || block.arm(0, *slot) == arm;
        block
            .order
            .iter()
            .flat_map(|arm| {
                let slots = (0..self.slots).filter(|slot| takes_part(*arm, slot));
                slots.map(|slot| one(*arm, slot)).collect::<Vec<_>>()
            })
            .collect()
    }

    fn part(&self, block: &Block, arm: Arm, slot: u32, requests: u64) -> Part {
        let key = block.key(arm);
        let factor = match arm {
            Arm::A => 1.0,
            Arm::B => block
                .layout()
                .map_or(self.b, |layout| self.layouts[layout.seed() as usize - 1]),
            Arm::A2 => self.a2,
        };
        let draw = Seed(u64::from(key.cell))
            .nth(key.round.into())
            .nth(arm.number().into())
            .rng()
            .unit();
        let wave = if arm == Arm::B {
            self.wave * (f64::from(key.round) / 2.5).sin()
        } else {
            0.0
        };
        let odd = self
            .odd
            .filter(|(odd, _)| arm == Arm::B && *odd == slot)
            .map_or(1.0, |(_, factor)| factor);
        let drift = 1.0 + self.drift * f64::from(key.round) / f64::from(self.rounds);
        let factor = factor * odd * drift * (wave + self.scatter * (2.0 * draw - 1.0)).exp();
        let failing = self
            .failing
            .as_ref()
            .is_none_or(|names| names.contains(&block.variant(arm)));
        let failed = if arm == Arm::B && failing {
            self.failures.min(requests)
        } else {
            0
        };
        let ok = requests - failed;
        let histograms = self.histograms(ok, 400e6 * factor);
        let last = Duration::from_nanos(histograms.get(Metric::E2e).exact().max);
        Part {
            place: PartKey {
                run: run(),
                key,
                slot,
                attempt: self.attempt(block),
            },
            origin: Origin {
                variant: block.variant(arm).to_owned(),
                exe_sha256: Sha256([7; 32]),
                instrumented: false,
                hostname: self.host(slot),
            },
            histograms,
            outcomes: Outcomes {
                planned: requests,
                ok,
                failed,
                ..Outcomes::default()
            },
            requests: Vec::new(),
            requests_not_kept: 0,
            steps: contract::part::StepLog::default(),
            token_digest: Sha256([8; 32]),
            prompt_tokens: 32 * ok,
            output_tokens: 32 * ok,
            offered: requests,
            in_time: None,
            stopped: StopCause::AsPlanned,
            good: None,
            run_in: 0,
            sent: self.prompts.map(|prompts| sent(prompts, requests)),
            series: if self.sliced {
                series(ok, 400e6 * factor)
            } else {
                Series::default()
            },
            window: Window {
                first_completion: last / 2,
                last_completion: last,
                ..Window::default()
            },
            cold: cold(),
            usage: Usage {
                wall: last,
                cpu_user: last,
                peak_rss_bytes: 300 << 20,
                ..Usage::default()
            },
            engine: EngineFacts {
                threads: 4,
                peak_running: 50,
                peak_kv_bytes: 30 << 20,
                kv_bytes_total: Some(40 << 20),
                stepping: Some(last / 2),
                scheduling: Some(last / 200),
                server: self.server.clone().map(|server| ServerFacts {
                    failures: match arm {
                        Arm::B => server.failures,
                        Arm::A | Arm::A2 => Vec::new(),
                    },
                    ..server
                }),
                ..EngineFacts::default()
            },
        }
    }

    /// Latencies evenly spaced from the middle to twice the middle.
    fn histograms(&self, requests: u64, middle_ns: f64) -> Histograms {
        let mut histograms = Histograms::default();
        for i in 0..requests {
            let e2e = middle_ns * (1.0 + i as f64 / requests as f64);
            let share = |share: f64| (e2e * share) as u64;
            let spans = [
                (Metric::E2e, 1.0),
                (Metric::Ttft, 0.2),
                (Metric::Itl, 0.8 / 31.0),
                (Metric::Tpot, 0.8 / 31.0),
                (Metric::Queue, 0.05),
                (Metric::Prefill, 0.15),
                (Metric::Decode, 0.8),
                (Metric::Service, 1.0),
            ];
            spans
                .iter()
                .for_each(|(metric, part)| histograms.get_mut(*metric).record_ns(share(*part)));
            histograms.get_mut(Metric::Lateness).record(self.late);
        }
        histograms
    }
}

fn sent((asked, sent): (u32, u32), requests: u64) -> Sent {
    let mut all = Sent::default();
    (0..requests).for_each(|_| all.count(Length { asked, sent }, 8.into()));
    all
}

/// The requests of [`Story::histograms`] as in an open loop: due one after the other.
fn series(requests: u64, middle_ns: f64) -> Series {
    let width = Series::FINEST.as_nanos() as u64;
    let mut buckets = vec![Bucket::default(); 130];
    for i in 0..requests {
        let share = i as f64 / requests as f64;
        let (due, took) = ((share * 200e6) as u64, (middle_ns * (1.0 + share)) as u64);
        let due_in = &mut buckets[(due / width) as usize];
        due_in.offered += 1;
        due_in.intended_ok += 1;
        due_in.ttft_sum_ns += took / 5;
        let done = (due + took) / width;
        buckets[done as usize].tokens += 32;
        (due / width..done).for_each(|at| buckets[at as usize].in_flight_ns += width);
    }
    Series {
        width: Series::FINEST,
        buckets,
    }
}

fn cold() -> Vec<ColdPhase> {
    let phase = |(name, ms): (&str, u64)| ColdPhase {
        name: name.to_owned(),
        took: Duration::from_millis(ms),
    };
    [("process", 9), ("weights", 120), ("first_token", 40)]
        .map(phase)
        .to_vec()
}
