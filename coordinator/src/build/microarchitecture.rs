//! The processor features that a build needs beyond the baseline of its architecture, derived from
//! its compiler flags. The names are those of `/proc/cpuinfo`. Must not know any host.

/// Levels of x86-64 (from the psABI), each with the features it adds to the previous one.
const LEVELS: [(&str, &[&str]); 3] = [
    (
        "x86-64-v2",
        &["cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3"],
    ),
    (
        "x86-64-v3",
        &[
            "avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave",
        ],
    ),
    (
        "x86-64-v4",
        &["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"],
    ),
];

/// Prefixes of features that compilers use if a processor has them.
const USED: [&str; 14] = [
    "sse4", "ssse3", "popcnt", "avx", "bmi", "f16c", "fma", "abm", "movbe", "amx", "aes", "sha_ni",
    "gfni", "vaes",
];

/// The features that a host needs to run a build with these flags; `here` are those of the host
/// that built it.
#[must_use]
pub fn needs(flags: &str, here: &[String]) -> Vec<String> {
    let value = |name: &str| {
        flags
            .split_ascii_whitespace()
            .rev()
            .find_map(|flag| flag.split_once(name).map(|(_, value)| value))
    };
    let mut needs: Vec<String> = match value("target-cpu=") {
        None | Some("x86-64" | "generic") => Vec::new(),
        Some(cpu) => match LEVELS.iter().position(|(level, _)| *level == cpu) {
            Some(at) => LEVELS[..=at]
                .iter()
                .flat_map(|(_, adds)| *adds)
                .map(|name| (*name).to_owned())
                .collect(),
            // `native`, or a processor by name: the features of this host are enough.
            None => here
                .iter()
                .filter(|name| USED.iter().any(|used| name.starts_with(used)))
                .cloned()
                .collect(),
        },
    };
    let single = value("target-feature=")
        .unwrap_or_default()
        .split(',')
        .filter_map(|one| one.strip_prefix('+'));
    needs.extend(
        single
            .map(|name| name.replace('.', "_").replace("crt-static", ""))
            .filter(|name| !name.is_empty()),
    );
    needs.sort();
    needs.dedup();
    needs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_build_needs_what_its_flags_say() {
        let here = words("fpu sse2 avx avx2 avx512f hypervisor");
        assert_eq!(needs("-Cprofile-use=x", &here), Vec::<String>::new());
        assert_eq!(needs("-Ctarget-cpu=x86-64", &here), Vec::<String>::new());
        assert_eq!(
            needs("-C target-cpu=native", &here),
            words("avx avx2 avx512f")
        );
        assert_eq!(needs("-Ctarget-feature=+avx2,-sse3", &here), words("avx2"));
        let v3 = needs("-Ctarget-cpu=x86-64-v3", &here);
        assert!(v3.contains(&"fma".to_owned()) && v3.contains(&"popcnt".to_owned()));
    }
}
