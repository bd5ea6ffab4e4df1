//! The few system calls that neither std nor /proc offers: processor times, fault counts, timer slack. Each is
//! wrapped safely; no policy here.
#![expect(unsafe_code, reason = "system calls")]

use std::time::Duration;

/// What the kernel counted for this process, all threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessUsage {
    /// Processor time in user mode.
    pub user: Duration,
    /// Processor time in the kernel.
    pub system: Duration,
    /// Times a processor was taken away.
    pub involuntary_switches: u64,
    /// Page faults that went to the disk.
    pub major_faults: u64,
    /// Largest resident set so far, bytes.
    pub peak_rss_bytes: u64,
}

/// Usage of this process so far.
#[must_use]
pub fn process_usage() -> ProcessUsage {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: the pointer is to a whole `rusage`; all-zero bytes are a valid one, should the call fail.
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
    u64::try_from(unsafe { libc::sysconf(libc::_SC_CLK_TCK) }).unwrap_or(100).max(1)
}

/// Lets timers of the calling thread fire when they are due; by default the kernel may add 50 µs.
pub fn sharpen_timers() {
    // SAFETY: no pointer is involved. A refusal leaves the default, which lateness will show.
    unsafe {
        libc::prctl(libc::PR_SET_TIMERSLACK, 1, 0, 0, 0);
    }
}

fn read_clock(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a whole `timespec`, which stays zero should the call fail.
    unsafe {
        libc::clock_gettime(clock, &raw mut time);
    }
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

fn of_timeval(time: libc::timeval) -> Duration {
    let micros = u64::try_from(time.tv_usec).unwrap_or(0);
    Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0)) + Duration::from_micros(micros)
}

#[cfg(test)]
mod tests {
    use super::*;

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
