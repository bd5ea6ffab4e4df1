//! A team of engine threads: the caller and its helpers share the tasks of one parallel region at a
//! time. Each thread has a share of neighbouring tasks, so that it reads memory in order; a thread
//! that has finished its own steals from the ends of the others' shares. Which thread runs which
//! task is therefore not fixed, and tasks must write disjoint results; nothing else here depends on
//! timing. Helpers spin for some microseconds between regions of a step, then sleep. The caller
//! never waits for a helper that has not joined a region, so an overloaded machine only loses
//! speed.
#![expect(
    unsafe_code,
    reason = "a region's closure is lent to other threads; this file is made for it"
)]

use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// Spins before a waiting thread sleeps: tens of microseconds.
const SPINS: u32 = 400;

// The gate: bit 0 open, bit 1 stop, bits 2..16 helpers inside, the rest counts regions.
const OPEN: u64 = 1;
const STOP: u64 = 2;
const INSIDE: u64 = 4;
const INSIDE_MASK: u64 = (1 << 16) - 4;
const REGION: u64 = 1 << 16;

/// One task of a region, and the thread that runs it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Task {
    /// 0 .. tasks of the region.
    pub(crate) index: usize,
    /// 0 (the caller) .. threads; two tasks with the same worker never overlap.
    pub(crate) worker: usize,
    /// The task that this thread will most likely run next in this region.
    pub(crate) next: Option<usize>,
}

/// Untaken tasks of one thread: the first in the upper half, the end in the lower. On its own cache
/// line, because its owner changes it all the time.
#[repr(align(64))]
struct Rest(AtomicU64);

/// The caller's handle; dropping it ends the helpers.
pub(crate) struct Team {
    shared: Arc<Inner>,
    helpers: Vec<JoinHandle<()>>,
}

type Job = *const (dyn Fn(Task) + Sync);

struct Inner {
    gate: AtomicU64,
    /// One for each thread.
    rests: Box<[Rest]>,
    job: UnsafeCell<Option<Job>>,
    sleepers: AtomicUsize,
    caller_sleeps: AtomicBool,
    panicked: AtomicBool,
    lock: Mutex<()>,
    work: Condvar,
    done: Condvar,
}

// SAFETY: `job` is written by the caller only while the gate is closed and no helper is inside, and
// read by a helper only after it has entered through the open gate (acquire on the gate orders the
// two).
unsafe impl Sync for Inner {}
// SAFETY: as above; the pointer in `job` is used only within the region that set it.
unsafe impl Send for Inner {}

impl Team {
    /// A team of `threads` threads, including the caller.
    pub(crate) fn new(threads: usize) -> std::io::Result<Self> {
        let shared = Arc::new(Inner::new(threads.max(1)));
        let mut team = Self {
            shared,
            helpers: Vec::new(),
        };
        for worker in 1..threads {
            let inner = Arc::clone(&team.shared);
            let builder = std::thread::Builder::new().name(format!("engine-{worker}"));
            team.helpers
                .push(builder.spawn(move || inner.help(worker))?);
        }
        Ok(team)
    }

    /// Number of threads, including the caller.
    pub(crate) fn threads(&self) -> usize {
        self.helpers.len() + 1
    }

    /// Runs `body` for every task index below `tasks` and returns when all are done.
    ///
    /// # Panics
    /// If a task panics, on any thread.
    pub(crate) fn run(&mut self, tasks: usize, body: &(dyn Fn(Task) + Sync)) {
        if self.helpers.is_empty() || tasks < 2 {
            let next = |index| Some(index + 1).filter(|&next| next < tasks);
            (0..tasks).for_each(|index| {
                body(Task {
                    index,
                    worker: 0,
                    next: next(index),
                });
            });
            return;
        }
        self.shared.open(tasks, body);
        let mine = catch_unwind(AssertUnwindSafe(|| self.shared.drain(0, body)));
        self.shared.close();
        let theirs = self.shared.panicked.swap(false, Ordering::Relaxed);
        if let Err(payload) = mine {
            resume_unwind(payload);
        }
        assert!(!theirs, "an engine helper thread panicked");
    }
}

impl Drop for Team {
    fn drop(&mut self) {
        self.shared.gate.fetch_or(STOP, Ordering::SeqCst);
        self.shared.wake_helpers();
        for helper in self.helpers.drain(..) {
            // A helper catches the panics of its tasks, so its result carries no information.
            let _ = helper.join();
        }
    }
}

impl Rest {
    fn set(&self, first: usize, end: usize) {
        debug_assert!(
            end <= u32::MAX as usize,
            "a region has fewer tasks than fit"
        );
        self.0
            .store((first as u64) << 32 | end as u64, Ordering::Relaxed);
    }

    /// Takes the first task, and returns the one after it as well.
    fn first(&self) -> Option<(usize, Option<usize>)> {
        let (first, end) = self.take(|first, end| (first + 1, end))?;
        Some((first, Some(first + 1).filter(|&next| next < end)))
    }

    /// Takes the last task.
    fn last(&self) -> Option<usize> {
        self.take(|first, end| (first, end - 1))
            .map(|(_, end)| end - 1)
    }

    /// The state before the change, if anything was left.
    fn take(&self, change: fn(u64, u64) -> (u64, u64)) -> Option<(usize, usize)> {
        let halves = |rest: u64| (rest >> 32, rest & u64::from(u32::MAX));
        let taken = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |rest| {
                let (first, end) = halves(rest);
                (first < end)
                    .then(|| change(first, end))
                    .map(|(first, end)| first << 32 | end)
            });
        taken
            .ok()
            .map(halves)
            .map(|(first, end)| (first as usize, end as usize))
    }
}

impl Inner {
    fn new(threads: usize) -> Self {
        Self {
            gate: AtomicU64::new(0),
            rests: (0..threads).map(|_| Rest(AtomicU64::new(0))).collect(),
            job: UnsafeCell::new(None),
            sleepers: AtomicUsize::new(0),
            caller_sleeps: AtomicBool::new(false),
            panicked: AtomicBool::new(false),
            lock: Mutex::new(()),
            work: Condvar::new(),
            done: Condvar::new(),
        }
    }

    fn locked(&self) -> MutexGuard<'_, ()> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self, tasks: usize, body: &(dyn Fn(Task) + Sync)) {
        // SAFETY: erases the closure's lifetime only; `close` returns after the last helper has
        // left, before the borrow ends.
        let job = unsafe { std::mem::transmute::<&(dyn Fn(Task) + Sync), Job>(body) };
        // SAFETY: the gate is closed and no helper is inside, so no helper reads `job` now.
        unsafe { *self.job.get() = Some(job) };
        let threads = self.rests.len();
        for (worker, rest) in self.rests.iter().enumerate() {
            rest.set(tasks * worker / threads, tasks * (worker + 1) / threads);
        }
        let region = self.gate.load(Ordering::Relaxed);
        self.gate
            .store(region.wrapping_add(REGION) | OPEN, Ordering::SeqCst);
        if self.sleepers.load(Ordering::SeqCst) > 0 {
            self.wake_helpers();
        }
    }

    /// Closes the gate and waits for the helpers inside.
    fn close(&self) {
        self.gate.fetch_and(!OPEN, Ordering::SeqCst);
        let empty = || self.gate.load(Ordering::SeqCst) & INSIDE_MASK == 0;
        if spin_until(empty) {
            return;
        }
        self.caller_sleeps.store(true, Ordering::SeqCst);
        let mut guard = self.locked();
        while !empty() {
            guard = self
                .done
                .wait(guard)
                .unwrap_or_else(PoisonError::into_inner);
        }
        drop(guard);
        self.caller_sleeps.store(false, Ordering::SeqCst);
    }

    /// Runs the tasks of the thread's own share, then steals from the others.
    fn drain(&self, worker: usize, body: &(dyn Fn(Task) + Sync)) {
        while let Some((index, next)) = self.rests[worker].first() {
            body(Task {
                index,
                worker,
                next,
            });
        }
        let threads = self.rests.len();
        for other in (worker + 1..worker + threads).map(|other| &self.rests[other % threads]) {
            while let Some(index) = other.last() {
                body(Task {
                    index,
                    worker,
                    next: None,
                });
            }
        }
    }

    fn wake_helpers(&self) {
        // Taking the lock orders this wake-up after a sleeper's last check of the gate.
        drop(self.locked());
        self.work.notify_all();
    }

    fn help(&self, worker: usize) {
        let mut seen = 0;
        loop {
            self.wait_for_region(seen);
            let gate = self.gate.load(Ordering::SeqCst);
            if gate & STOP != 0 {
                return;
            }
            if gate & OPEN == 0 || gate / REGION == seen {
                continue;
            }
            if self
                .gate
                .compare_exchange(gate, gate + INSIDE, Ordering::SeqCst, Ordering::Relaxed)
                .is_ok()
            {
                seen = gate / REGION;
                self.take_part(worker);
            }
        }
    }

    fn take_part(&self, worker: usize) {
        // SAFETY: this helper is inside the open region, so `job` is set and not written, and the
        // closure outlives the region.
        let body = unsafe { &*(*self.job.get()).expect("an open region has a job") };
        if catch_unwind(AssertUnwindSafe(|| self.drain(worker, body))).is_err() {
            self.panicked.store(true, Ordering::Relaxed);
        }
        let before = self.gate.fetch_sub(INSIDE, Ordering::SeqCst);
        if before & INSIDE_MASK == INSIDE && self.caller_sleeps.load(Ordering::SeqCst) {
            drop(self.locked());
            self.done.notify_all();
        }
    }

    fn wait_for_region(&self, seen: u64) {
        let ready = || {
            let gate = self.gate.load(Ordering::SeqCst);
            gate & STOP != 0 || (gate & OPEN != 0 && gate / REGION != seen)
        };
        if spin_until(ready) {
            return;
        }
        self.sleepers.fetch_add(1, Ordering::SeqCst);
        let mut guard = self.locked();
        while !ready() {
            guard = self
                .work
                .wait(guard)
                .unwrap_or_else(PoisonError::into_inner);
        }
        drop(guard);
        self.sleepers.fetch_sub(1, Ordering::SeqCst);
    }
}

fn spin_until(ready: impl Fn() -> bool) -> bool {
    for _ in 0..SPINS {
        if ready() {
            return true;
        }
        std::hint::spin_loop();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum_over(team: &mut Team, tasks: usize) -> usize {
        let sum = AtomicUsize::new(0);
        team.run(tasks, &|task| {
            sum.fetch_add(task.index + 1, Ordering::Relaxed);
        });
        sum.into_inner()
    }

    #[test]
    fn every_task_runs_exactly_once_with_any_number_of_threads() {
        for threads in [1, 2, 3, 5] {
            let mut team = Team::new(threads).unwrap();
            for tasks in (0..200).chain([5000]) {
                assert_eq!(sum_over(&mut team, tasks), tasks * (tasks + 1) / 2);
            }
        }
    }

    #[test]
    fn a_panicking_task_reaches_the_caller_and_the_team_lives_on() {
        let mut team = Team::new(3).unwrap();
        for victim in [0, 7, 31] {
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                team.run(32, &|task| assert_ne!(task.index, victim, "wanted"));
            }));
            assert!(outcome.is_err());
            assert_eq!(sum_over(&mut team, 10), 55);
        }
    }

    #[test]
    fn a_thread_goes_through_its_share_in_order_and_the_others_take_from_its_end() {
        let rest = Rest(AtomicU64::new(0));
        assert_eq!((rest.first(), rest.last()), (None, None));
        rest.set(3, 7);
        assert_eq!(rest.first(), Some((3, Some(4))));
        assert_eq!(rest.last(), Some(6));
        assert_eq!(rest.first(), Some((4, Some(5))));
        assert_eq!(rest.first(), Some((5, None)));
        assert_eq!((rest.first(), rest.last()), (None, None));
    }

    #[test]
    fn workers_are_numbered_below_the_thread_count() {
        let mut team = Team::new(3).unwrap();
        team.run(1000, &|task| assert!(task.worker < 3));
    }
}
