//! System calls that neither std nor /proc offers: processor times, fault counts, timer slack. Each
//! is wrapped safely; no policy here.
#![expect(unsafe_code, reason = "system calls")]

#[cfg(feature = "native")]
pub mod child;
pub mod family;

use std::time::Duration;

/// Capacity of a processor set.
const SET: usize = libc::CPU_SETSIZE as usize;

/// The kernel's counters for this process, all threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessUsage {
    /// Processor time in user mode.
    pub user: Duration,
    /// Processor time in the kernel.
    pub system: Duration,
    /// Number of involuntary context switches.
    pub involuntary_switches: u64,
    /// Page faults that needed the disk.
    pub major_faults: u64,
    /// Largest resident set so far, bytes.
    pub peak_rss_bytes: u64,
}

/// Usage of this process so far.
#[must_use]
pub fn process_usage() -> ProcessUsage {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is to a whole `rusage`; all-zero bytes are a valid one, should the call
    // fail.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
        usage.assume_init()
    };
    ProcessUsage {
        user: of_timeval(usage.ru_utime),
        system: of_timeval(usage.ru_stime),
        involuntary_switches: u64::try_from(usage.ru_nivcsw).unwrap_or(0),
        major_faults: u64::try_from(usage.ru_majflt).unwrap_or(0),
        // Linux counts kilobytes.
        peak_rss_bytes: u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024,
    }
}

/// Processor time of the calling thread.
#[must_use]
pub fn thread_cpu() -> Duration {
    read_clock(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// Time since the host was started, sleep included.
#[must_use]
pub fn since_boot() -> Duration {
    read_clock(libc::CLOCK_BOOTTIME)
}

/// Clock ticks a second, the unit of times in /proc.
#[must_use]
pub fn ticks_per_second() -> u64 {
    // SAFETY: no pointer is involved.
    u64::try_from(unsafe { libc::sysconf(libc::_SC_CLK_TCK) })
        .unwrap_or(100)
        .max(1)
}

/// Lets timers of the calling thread fire on time; by default the kernel may add 50 µs.
pub fn sharpen_timers() {
    // SAFETY: no pointer is involved. If the call fails, the default stays, and lateness will show
    // it.
    unsafe {
        libc::prctl(libc::PR_SET_TIMERSLACK, 1, 0, 0, 0);
    }
}

/// Processors that the calling thread may run on, in ascending order; empty if unknown.
#[must_use]
pub fn processors() -> Vec<u32> {
    processors_of(0)
}

/// The same for this process's first thread, which is never pinned.
#[must_use]
pub fn process_processors() -> Vec<u32> {
    processors_of(std::process::id().cast_signed())
}

fn processors_of(thread: libc::pid_t) -> Vec<u32> {
    let mut set = std::mem::MaybeUninit::<libc::cpu_set_t>::zeroed();
    // SAFETY: the pointer is to a whole set of the size given; all-zero bytes are the empty set,
    // should the call fail.
    let set = unsafe {
        libc::sched_getaffinity(thread, size_of::<libc::cpu_set_t>(), set.as_mut_ptr());
        set.assume_init()
    };
    // SAFETY: every number is below the set's size.
    (0..SET)
        .filter(|&index| unsafe { libc::CPU_ISSET(index, &set) })
        .filter_map(|i| u32::try_from(i).ok())
        .collect()
}

/// Pins the calling thread, and threads it starts from now on, to these processors. Returns whether
/// the system agreed.
#[must_use]
pub fn keep_on(processors: &[u32]) -> bool {
    let mut set = std::mem::MaybeUninit::<libc::cpu_set_t>::zeroed();
    // SAFETY: all-zero bytes are the empty set.
    let set = unsafe { set.assume_init_mut() };
    for index in processors
        .iter()
        .filter_map(|&index| usize::try_from(index).ok())
        .filter(|&index| index < SET)
    {
        // SAFETY: the number is below the set's size.
        unsafe { libc::CPU_SET(index, set) };
    }
    // SAFETY: the pointer is to a whole set of the size given.
    unsafe { libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), set) == 0 }
}

fn read_clock(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a whole `timespec`, which stays zero should the call fail.
    unsafe {
        libc::clock_gettime(clock, &raw mut time);
    }
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}

fn of_timeval(time: libc::timeval) -> Duration {
    let micros = u64::try_from(time.tv_usec).unwrap_or(0);
    Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0)) + Duration::from_micros(micros)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// On a separate thread, so that the test's other threads are not pinned.
    #[test]
    fn a_thread_is_kept_where_it_is_put_and_so_are_its_children() {
        let here = processors();
        assert!(!here.is_empty());
        let last = [*here.last().expect("one at least")];
        let kept = std::thread::spawn(move || {
            assert!(keep_on(&last) && !keep_on(&[]));
            (
                processors(),
                std::thread::spawn(processors).join().expect("a list"),
            )
        });
        assert_eq!(
            kept.join().expect("two lists"),
            (last.to_vec(), last.to_vec())
        );
        assert_eq!(processors(), here);
    }

    #[test]
    fn usage_is_plausible_and_grows() {
        let before = (process_usage(), thread_cpu());
        let mut sum = 0u64;
        while thread_cpu() <= before.1 {
            sum = std::hint::black_box(sum + 1);
        }
        let after = process_usage();
        assert!(after.user + after.system >= before.0.user + before.0.system);
        assert!(after.peak_rss_bytes > 100_000);
        assert!(since_boot() > Duration::ZERO && ticks_per_second() >= 1);
    }
}
