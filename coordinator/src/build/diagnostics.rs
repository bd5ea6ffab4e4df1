//! The compiler's warnings about a profile. The compiler only warns, even if it cannot read the
//! profile at all, so the warnings are parsed and judged here. Pure: text in, findings out.

use std::collections::{BTreeMap, BTreeSet};

use super::counts::{Counts, path_of};

/// All warnings about the profile during one build.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Findings {
    /// The profile could not be used at all.
    pub(super) unreadable: Option<String>,
    /// Functions whose control flow differs from the profile, with their discarded counts.
    pub(super) mismatched: BTreeMap<String, u64>,
    /// Functions that are not in the profile.
    pub(super) missing: BTreeSet<String>,
}

const MISMATCH: &str = "function control flow change detected (hash mismatch) ";
const MISSING: &str = "no profile data available for function ";
/// Messages of LLVM's profile reader about a file it cannot use.
const UNREADABLE: [&str; 6] = [
    "invalid instrumentation profile data",
    "malformed instrumentation profile data",
    "unsupported instrumentation profile",
    "Not an IR level instrumentation profile",
    "truncated profile data",
    "empty raw profile",
];

impl Findings {
    /// Adds one compiler message; `profile` is the path given to the compiler.
    pub(super) fn note(&mut self, message: &str, profile: &str) {
        if let Some((_, rest)) = message.split_once(MISMATCH) {
            let name = first_word(rest);
            let discarded = number_after(rest, "up to ").unwrap_or(0);
            *self.mismatched.entry(name.to_owned()).or_insert(0) += discarded;
        } else if let Some((_, rest)) = message.split_once(MISSING) {
            self.missing.insert(first_word(rest).to_owned());
        } else if message.starts_with(&format!("{profile}: "))
            || UNREADABLE.iter().any(|w| message.contains(w))
        {
            self.unreadable.get_or_insert_with(|| message.to_owned());
        }
    }

    /// Upper limit of the profile's unused counts: those of changed functions, plus those of as
    /// many functions of the same path as are missing. (A missing function has no counts of its
    /// own; another instance may have.)
    pub(super) fn discarded(&self, counts: &Counts) -> u64 {
        let mut missing: BTreeMap<&str, usize> = BTreeMap::new();
        for name in &self.missing {
            *missing.entry(path_of(name)).or_insert(0) += 1;
        }
        let renamed: u64 = missing
            .iter()
            .map(|(path, instances)| counts.largest_of(path, *instances))
            .sum();
        self.mismatched.values().sum::<u64>() + renamed
    }
}

fn first_word(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or("")
}

fn number_after(text: &str, marker: &str) -> Option<u64> {
    first_word(text.split_once(marker)?.1).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNTS: &str = "Counters:\n  a.cgu.0;_ZN1a1f17h0123456789abcdefE:\n    Hash: 0x1\n    Counters: 2\n    \
                          Block counts: [60, 30]\n  _ZN1a1g17h0123456789abcdefE:\n    Hash: 0x1\n    Counters: 1\n    \
                          Block counts: [10]\nTotal functions: 2\n";

    fn findings(messages: &[&str]) -> Findings {
        let mut findings = Findings::default();
        messages
            .iter()
            .for_each(|message| findings.note(message, "/p.profdata"));
        findings
    }

    #[test]
    fn changed_and_missing_functions_are_weighed() {
        let found = findings(&[
            "a.0-cgu.0: function control flow change detected (hash mismatch) _ZN1a1g17h0123456789abcdefE Hash = 7 up to 10 count discarded",
            "a.0-cgu.0: no profile data available for function _ZN1a1f17hfedcba9876543210E Hash = 3",
            "a.0-cgu.0: no profile data available for function _ZN1a1f17hfedcba9876543210E Hash = 3",
            "unused variable: `x`",
        ]);
        assert_eq!(
            (
                found.mismatched.len(),
                found.missing.len(),
                &found.unreadable
            ),
            (1, 1, &None)
        );
        assert_eq!(
            found.discarded(&Counts::parse(COUNTS)),
            100,
            "10 changed and 90 renamed"
        );
        assert_eq!(
            findings(&["unused variable: `x`"]).discarded(&Counts::parse(COUNTS)),
            0
        );
    }

    #[test]
    fn an_unreadable_profile_is_seen_in_every_wording() {
        for words in [
            "/p.profdata: invalid instrumentation profile data (file header is corrupt)",
            "/p.profdata: some wording of tomorrow",
            "/q.profdata: Not an IR level instrumentation profile",
        ] {
            assert_eq!(findings(&[words]).unreadable.as_deref(), Some(words));
        }
    }
}
