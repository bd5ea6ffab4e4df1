//! The three comparisons that every rule uses, and the bounds of all figures of a part. Sums over
//! as many parts as a run can have stay within the integer types, so that code that adds them need
//! not check. Must not know parts.

use std::time::Duration;

use super::PartFault;

/// Requests have 32-bit indices.
pub(super) const REQUESTS: u128 = 1 << 32;
/// A window or any other time: thirty days, nanoseconds.
pub(super) const TIME: u128 = 30 * 86_400 * 1_000_000_000;
/// Bytes, switches, ticks, steps.
pub(super) const COUNT: u128 = 1 << 48;
/// Processors and threads of a host.
pub(super) const PROCESSORS: u128 = 1 << 16;

pub(super) fn ns(time: Duration) -> u128 {
    time.as_nanos()
}

pub(super) fn equal(
    field: &'static str,
    found: impl Into<u128>,
    by: &'static str,
    expected: impl Into<u128>,
) -> Result<(), PartFault> {
    let (found, expected) = (found.into(), expected.into());
    if found == expected {
        Ok(())
    } else {
        Err(PartFault::Differs {
            field,
            found,
            by,
            expected,
        })
    }
}

pub(super) fn at_most(
    field: &'static str,
    found: impl Into<u128>,
    by: &'static str,
    most: impl Into<u128>,
) -> Result<(), PartFault> {
    within(field, found, by, 0_u64, most)
}

pub(super) fn at_least(
    field: &'static str,
    found: impl Into<u128>,
    by: &'static str,
    least: impl Into<u128>,
) -> Result<(), PartFault> {
    within(field, found, by, least, u128::MAX)
}

pub(super) fn within(
    field: &'static str,
    found: impl Into<u128>,
    by: &'static str,
    least: impl Into<u128>,
    most: impl Into<u128>,
) -> Result<(), PartFault> {
    let (found, least, most) = (found.into(), least.into(), most.into());
    let inside = least <= found && found <= most;
    if inside {
        Ok(())
    } else {
        Err(PartFault::Range {
            field,
            found,
            least,
            most,
            by,
        })
    }
}
