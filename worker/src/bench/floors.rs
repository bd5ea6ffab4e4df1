//! Limits of the machine with as many threads as the engine: memory bandwidth and floating-point
//! rate. The memory is laid out like the engine's weights. Work is divided into small tasks as in
//! the engine, so that a disturbed thread costs the limit no more than the engine. Must not know
//! what is compared with them.

use std::fs;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use inference::kernels::{Isa, Stretch};

use crate::measure::Clock;

/// Values in one task of reading: half a megabyte.
const VALUES: usize = 1 << 17;
/// Fewest bytes read in one measurement.
const READ_AT_LEAST: usize = 1 << 31;
/// Rounds in one task of multiplying and adding: about a millisecond.
const ROUNDS: usize = 1 << 17;
/// Tasks of multiplying and adding for each thread in one measurement.
const TASKS: usize = 64;
/// Greatest size of the memory to read from, whatever the caches, bytes.
const MOST: usize = 1 << 30;
/// Smallest size of the memory to read from, bytes.
const LEAST: usize = 1 << 28;

/// The two limits, ready to be measured.
pub(super) struct Floors {
    isa: Isa,
    threads: usize,
    stretch: Stretch,
    /// Number of the values that correspond to what a decode step reads.
    weights: usize,
    memory: usize,
    clock: Clock,
}

impl Floors {
    pub(super) fn new(
        isa: Isa,
        threads: usize,
        step_bytes: usize,
        memory_bytes: usize,
        clock: Clock,
    ) -> std::io::Result<Self> {
        let (weights, memory) = (
            step_bytes.div_ceil(4).max(1),
            memory_bytes.div_ceil(4).max(1),
        );
        let stretch = Stretch::new(weights.max(memory))?;
        Ok(Self {
            isa,
            threads: threads.max(1),
            stretch,
            weights,
            memory,
            clock,
        })
    }

    /// Bytes of the buffer that [`Floors::read_memory`] reads.
    pub(super) fn memory_bytes(&self) -> usize {
        self.memory * size_of::<f32>()
    }

    /// GB/s when reading repeatedly as many bytes as a decode step reads of weights.
    pub(super) fn read_weights(&self) -> f64 {
        self.read(&self.stretch.values()[..self.weights])
    }

    /// GB/s when reading repeatedly a buffer larger than the caches.
    pub(super) fn read_memory(&self) -> f64 {
        self.read(&self.stretch.values()[..self.memory])
    }

    /// Floating-point operations, 10⁹ per second; a multiplication and an addition count as one
    /// each.
    pub(super) fn multiply_add(&self) -> f64 {
        let tasks = self.threads * TASKS;
        let time = share_out(self.threads, tasks, &self.clock, &|_| {
            std::hint::black_box(self.isa.multiply_add(ROUNDS));
        });
        (tasks * ROUNDS * self.isa.operations_per_round()) as f64 / time.as_nanos() as f64
    }

    fn read(&self, values: &[f32]) -> f64 {
        let (bytes, parts) = (size_of_val(values), values.len().div_ceil(VALUES));
        let passes = READ_AT_LEAST.min(16 * self.memory_bytes()).div_ceil(bytes);
        let time = share_out(self.threads, passes * parts, &self.clock, &|task| {
            let start = task % parts * VALUES;
            let part = &values[start..values.len().min(start + VALUES)];
            std::hint::black_box(self.isa.read(part));
        });
        (passes * bytes) as f64 / time.as_nanos() as f64
    }
}

/// Time from when all threads are ready until the last task is done.
fn share_out(
    threads: usize,
    tasks: usize,
    clock: &Clock,
    body: &(dyn Fn(usize) + Sync),
) -> Duration {
    let (next, barrier) = (AtomicUsize::new(0), Barrier::new(threads));
    let take_part = || {
        barrier.wait();
        let start = clock.now();
        while let Some(task) =
            Some(next.fetch_add(1, Ordering::Relaxed)).filter(|&task| task < tasks)
        {
            body(task);
        }
        start
    };
    std::thread::scope(|scope| {
        let helpers: Vec<_> = (1..threads).map(|_| scope.spawn(take_part)).collect();
        let mine = take_part();
        let starts = helpers
            .into_iter()
            .map(|helper| helper.join().expect("floors do not panic"));
        let first = starts.fold(mine, Duration::min);
        clock.now() - first
    })
}

/// Size of a buffer that no cache of this machine holds, bytes: twice the largest cache, within
/// bounds that any host can spare.
#[must_use]
pub fn beyond_caches() -> usize {
    let caches = (0..8).filter_map(|index| {
        let path = format!("/sys/devices/system/cpu/cpu0/cache/index{index}/size");
        cache_bytes(fs::read_to_string(path).ok()?.trim())
    });
    within_bounds(caches.max().unwrap_or(0))
}

fn within_bounds(largest: usize) -> usize {
    largest.saturating_mul(2).clamp(LEAST, MOST)
}

/// A size such as `2048K`.
fn cache_bytes(text: &str) -> Option<usize> {
    let (digits, unit) = match text.strip_suffix('K') {
        Some(digits) => (digits, 1 << 10),
        None => text
            .strip_suffix('M')
            .map_or((text, 1), |digits| (digits, 1 << 20)),
    };
    digits.parse::<usize>().ok()?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_task_is_done_once_by_any_number_of_threads() {
        for threads in [1, 2, 5] {
            let done: Vec<AtomicUsize> = (0..100).map(|_| AtomicUsize::new(0)).collect();
            share_out(threads, done.len(), &Clock::monotonic(), &|task| {
                done[task].fetch_add(1, Ordering::Relaxed);
            });
            assert!(
                done.iter().all(|count| count.load(Ordering::Relaxed) == 1),
                "{threads} threads"
            );
        }
    }

    #[test]
    fn time_is_what_the_clock_says_and_rates_follow_it() {
        let clock = Clock::simulated();
        let took = share_out(1, 3, &clock, &|_| {
            crate::engine::Time::pass(&clock, Duration::from_secs(2));
        });
        assert_eq!(took, Duration::from_secs(6));
    }

    #[test]
    fn cache_sizes_are_understood_and_bounded() {
        assert_eq!(
            (cache_bytes("48K"), cache_bytes("2M"), cache_bytes("7")),
            (Some(49_152), Some(2 << 20), Some(7))
        );
        assert_eq!((cache_bytes(""), cache_bytes("xK")), (None, None));
        assert_eq!(
            (
                within_bounds(0),
                within_bounds(200 << 20),
                within_bounds(480 << 20)
            ),
            (LEAST, 400 << 20, 960 << 20)
        );
        assert_eq!(within_bounds(usize::MAX), MOST);
    }
}
