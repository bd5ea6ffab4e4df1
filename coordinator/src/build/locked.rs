//! Compares two lock files. Pure: text in, sentences out.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

/// Versions of the dependencies by name; workspace crates have no source and are left out.
fn versions(lock: &str) -> BTreeMap<String, BTreeSet<String>> {
    let table: Table = lock.parse().unwrap_or_default();
    let packages = table.get("package").and_then(Value::as_array);
    let mut versions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for package in packages.into_iter().flatten() {
        let text = |key: &str| package.get(key).and_then(Value::as_str);
        if let (Some(name), Some(version), Some(_)) =
            (text("name"), text("version"), text("source"))
        {
            versions
                .entry(name.to_owned())
                .or_default()
                .insert(version.to_owned());
        }
    }
    versions
}

/// Each dependency whose version differs, or that only one of them has.
pub(super) fn dependencies_that_differ(one: &str, other: &str) -> Vec<String> {
    let (before, after) = (versions(one), versions(other));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let shown = |all: Option<&BTreeSet<String>>| match all {
        None => "none".to_owned(),
        Some(all) => all.iter().cloned().collect::<Vec<_>>().join(" and "),
    };
    names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name))
        .map(|name| {
            format!(
                "{name} ({} → {})",
                shown(before.get(name)),
                shown(after.get(name))
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::dependencies_that_differ;

    #[test]
    fn other_versions_and_new_dependencies_are_named_and_the_workspace_s_own_are_not() {
        let package = |name: &str, version: &str, source: &str| {
            format!("[[package]]\nname = '{name}'\nversion = '{version}'\n{source}")
        };
        let registry = "source = 'registry+x'\n";
        let one = [
            package("app", "0.1.0", ""),
            package("serde", "1.0.1", registry),
        ]
        .concat();
        let other = [
            package("app", "0.2.0", ""),
            package("serde", "1.0.2", registry),
            package("log", "0.4.0", registry),
        ]
        .concat();
        assert_eq!(
            dependencies_that_differ(&one, &other),
            ["log (none → 0.4.0)", "serde (1.0.1 → 1.0.2)"]
        );
        assert!(dependencies_that_differ(&one, &one).is_empty());
        assert!(dependencies_that_differ("", "no lock file").is_empty());
    }
}
