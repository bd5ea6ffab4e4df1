//! The profile hook: writes and clears the execution counts of an instrumented build on command,
//! because the LLVM runtime by itself writes only when a process returns from `main`. Linked only
//! under `--cfg profile_hook`, which `coordinator build` sets only for the instrumented build; must
//! not know who commands it.
//!
//! The workers' file pattern has `%m`, under which the runtime adds the counts in the file to those
//! in memory before it writes. A flush therefore clears the counts it has written: flushing twice,
//! or flushing and then returning from `main`, counts everything once.
//!
//! A profile fits a function only while its control flow is the same, including that of the callers
//! here. Therefore both builds have the same branches, `black_box` keeps the plain build from
//! folding them, and nothing is inlined.

use std::ffi::c_int;
use std::fmt;
use std::hint::black_box;

/// Return value of writing in a plain build; the runtime itself returns 0 or −1.
const NOT_INSTRUMENTED: c_int = 1;

/// The runtime could not write the profile; it has printed the reason on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProfileNotWritten;

impl fmt::Display for ProfileNotWritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the profile could not be written to the place that LLVM_PROFILE_FILE names")
    }
}

impl std::error::Error for ProfileNotWritten {}

/// Whether this program counts executions.
#[inline(never)]
#[must_use]
pub fn is_instrumented() -> bool {
    black_box(cfg!(profile_hook))
}

/// Writes all counts since the last flush or reset. Returns `false` if this is not an instrumented
/// build.
///
/// # Errors
/// When the file cannot be written.
#[inline(never)]
pub fn flush() -> Result<bool, ProfileNotWritten> {
    match black_box(hook::write_file()) {
        NOT_INSTRUMENTED => Ok(false),
        0 => Ok(reset()),
        _ => Err(ProfileNotWritten),
    }
}

/// Clears all counts so far, such as those of start-up and warm-up. Returns `false` if this is not
/// an instrumented build.
#[inline(never)]
pub fn reset() -> bool {
    hook::reset_counters();
    is_instrumented()
}

#[cfg(profile_hook)]
#[expect(unsafe_code, reason = "the profile runtime has a C interface only")]
mod hook {
    use std::ffi::c_int;

    unsafe extern "C" {
        fn __llvm_profile_write_file() -> c_int;
        fn __llvm_profile_reset_counters();
    }

    pub(super) fn write_file() -> c_int {
        // SAFETY: takes no arguments and is made to be called at any time from instrumented code,
        // in which the compiler has linked it. Counters that other threads raise meanwhile may be
        // missed, never torn.
        unsafe { __llvm_profile_write_file() }
    }

    pub(super) fn reset_counters() {
        // SAFETY: as above; it stores zero to the counters, which are plain integers that nothing
        // points into.
        unsafe { __llvm_profile_reset_counters() }
    }
}

#[cfg(not(profile_hook))]
mod hook {
    pub(super) fn write_file() -> std::ffi::c_int {
        super::NOT_INSTRUMENTED
    }

    pub(super) fn reset_counters() {}
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_plain_build_says_that_it_has_nothing_to_write() {
        assert!(!super::is_instrumented());
        assert_eq!(super::flush(), Ok(false));
        assert!(!super::reset());
    }
}
