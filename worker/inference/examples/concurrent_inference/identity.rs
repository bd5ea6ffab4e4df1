//! Identity of this build: the SHA-256 of its own file, and whether it is instrumented for
//! profiling. Two builds with the same hash are one build. Must not know what was measured.

use sha2::{Digest, Sha256};

/// `__llvm_prf_cnts`, the section of instrumented counters, spelt backwards so that this constant
/// itself is not found.
const COUNTERS_REVERSED: &[u8] = b"stnc_frp_mvll__";

/// Identity read from the program's own file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// 64 lower-case hexadecimal digits.
    pub(crate) sha256: String,
    /// Whether it is instrumented, which makes it slower.
    pub(crate) instrumented: bool,
}

impl Identity {
    /// Of the running program, if its file can be read.
    pub(crate) fn own() -> Option<Self> {
        let path = std::env::current_exe().ok()?;
        std::fs::read(path).ok().map(|file| Self::of(&file))
    }

    fn of(file: &[u8]) -> Self {
        let sha256 = Sha256::digest(file)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let counters: Vec<u8> = COUNTERS_REVERSED.iter().rev().copied().collect();
        let instrumented = file
            .windows(counters.len())
            .any(|window| window == counters);
        Self {
            sha256,
            instrumented,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_hash_and_its_counters() {
        let plain = Identity::of(b"abc");
        assert_eq!(
            plain.sha256,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert!(!plain.instrumented);
        assert!(Identity::of(b"..__llvm_prf_cnts..").instrumented);
    }
}
