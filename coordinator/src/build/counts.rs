//! The counters of a merged profile by function, parsed from the output of `llvm-profdata show`,
//! and statistics on them: covered functions, the hottest with their share. Pure: text in, numbers
//! out.

use serde::{Deserialize, Serialize};

/// One function among the hottest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HotFunction {
    /// Demangled name.
    pub name: String,
    /// Sum of its counters.
    pub count: u64,
    /// Share of the profile's total count, 0 to 1.
    pub share: f64,
}

/// Sum of the counters of each function.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    by_function: Vec<(String, u64)>,
}

impl Counts {
    /// Reads `llvm-profdata show --all-functions --counts`.
    pub(super) fn parse(text: &str) -> Self {
        let mut by_function: Vec<(String, u64)> = Vec::new();
        for line in text.lines() {
            if let Some(name) = function_line(line) {
                by_function.push((name.to_owned(), 0));
            } else if let (Some(values), Some(last)) = (counts_line(line), by_function.last_mut()) {
                last.1 = last.1.saturating_add(values);
            }
        }
        Self { by_function }
    }

    /// Functions in the profile.
    pub(super) fn functions(&self) -> usize {
        self.by_function.len()
    }

    /// Functions with at least one count.
    pub(super) fn covered(&self) -> usize {
        self.by_function
            .iter()
            .filter(|(_, count)| *count > 0)
            .count()
    }

    /// Sum of all counters.
    pub(super) fn total(&self) -> u64 {
        self.by_function
            .iter()
            .fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// The `n` functions with the largest sums, largest first.
    pub(super) fn hottest(&self, n: usize) -> Vec<HotFunction> {
        let mut order: Vec<_> = self.by_function.iter().collect();
        order.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let total = self.total().max(1);
        let hot = order.into_iter().take(n).filter(|(_, count)| *count > 0);
        hot.map(|(name, count)| HotFunction {
            name: format!("{:#}", rustc_demangle::demangle(symbol_of(name))),
            count: *count,
            share: *count as f64 / total as f64,
        })
        .collect()
    }

    /// Sum of the `n` largest functions whose path is `path`.
    pub(super) fn largest_of(&self, path: &str, n: usize) -> u64 {
        let mut counts: Vec<u64> = self
            .by_function
            .iter()
            .filter(|(name, _)| path_of(name) == path)
            .map(|f| f.1)
            .collect();
        counts.sort_unstable_by(|a, b| b.cmp(a));
        counts.into_iter().take(n).fold(0, u64::saturating_add)
    }
}

/// The symbol without the file name that LLVM puts before local symbols.
fn symbol_of(name: &str) -> &str {
    name.rsplit_once(';').map_or(name, |(_, symbol)| symbol)
}

/// The symbol without file name and without the hash of legacy mangling (`17h` and sixteen digits).
pub(super) fn path_of(name: &str) -> &str {
    let symbol = symbol_of(name);
    match symbol.rfind("17h") {
        Some(at) if symbol[at..].len() >= 19 => &symbol[..at],
        _ => symbol,
    }
}

/// `  name:`, indented by two spaces.
fn function_line(line: &str) -> Option<&str> {
    let name = line.strip_prefix("  ")?.strip_suffix(':')?;
    (!name.starts_with(' ')).then_some(name)
}

fn counts_line(line: &str) -> Option<u64> {
    let list = line
        .trim_start()
        .strip_prefix("Block counts: [")?
        .strip_suffix(']')?;
    Some(
        list.split(',')
            .filter_map(|word| word.trim().parse().ok())
            .fold(0, u64::saturating_add),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Counters:\n  w.1-cgu.0;_ZN1a4heat17h0123456789abcdefE:\n    Hash: 0x0a\n    Counters: 2\n    \
                        Block counts: [5, 70]\n  _ZN1a4cold17h0123456789abcdefE:\n    Hash: 0x0a\n    Counters: 1\n    \
                        Block counts: [0]\n  main:\n    Hash: 0x0b\n    Counters: 1\n    Block counts: [25]\n\
                        Instrumentation level: IR  entry_first = 0\nTotal functions: 3\nTotal count: 100\n";

    #[test]
    fn counts_are_summed_and_ranked() {
        let counts = Counts::parse(TEXT);
        assert_eq!(
            (counts.functions(), counts.covered(), counts.total()),
            (3, 2, 100)
        );
        let hot = counts.hottest(20);
        assert_eq!(
            hot.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(),
            ["a::heat", "main"]
        );
        assert!((hot[0].share - 0.75).abs() < 1e-12);
        assert_eq!(Counts::parse("error: nothing"), Counts::default());
    }

    #[test]
    fn paths_drop_file_and_hash() {
        assert_eq!(
            path_of("w.1-cgu.0;_ZN1a4heat17h0123456789abcdefE"),
            "_ZN1a4heat"
        );
        assert_eq!(path_of("main"), "main");
        assert_ne!(
            path_of("_ZN1a4heat17h0123456789abcdefE"),
            path_of("_ZN1a4cold17h0123456789abcdefE")
        );
    }
}
