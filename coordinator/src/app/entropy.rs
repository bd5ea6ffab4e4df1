//! Random bytes of the operating system, for ids and secrets. Never for anything that affects a
//! measurement: those draws come from the recorded seed.

use std::fs::File;
use std::io::Read;

/// `N` random bytes.
#[must_use]
pub(super) fn entropy<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .expect("a Linux system has /dev/urandom");
    bytes
}
