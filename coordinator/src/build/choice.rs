//! Chooses the package, binary and crates, whether they are named or not. Pure: names in, names
//! out.

use std::collections::BTreeSet;
use std::path::Path;

use super::WorkspaceError;
use super::workspace::{Package, names};

/// The package to build if several have a binary: this project's.
const USUAL: &str = "worker";

/// The named package; otherwise the package of the manifest, the only one with a binary, or the
/// worker.
pub(super) fn chosen_package<'a>(
    members: &[&'a Package],
    own: Option<&Path>,
    wanted: Option<&str>,
) -> Result<&'a Package, WorkspaceError> {
    let with_binary: Vec<&Package> = members
        .iter()
        .copied()
        .filter(|package| !package.binaries().is_empty())
        .collect();
    let find = |is: &dyn Fn(&Package) -> bool| with_binary.iter().copied().find(|one| is(one));
    if let Some(wanted) = wanted {
        let found = members.iter().copied().find(|one| one.name == wanted);
        return found.ok_or_else(|| WorkspaceError::NoSuchPackage {
            name: wanted.to_owned(),
            known: names(with_binary).into_iter().collect(),
        });
    }
    let own = find(&|one| own == Some(&one.manifest_path));
    let only = || {
        with_binary
            .first()
            .copied()
            .filter(|_| with_binary.len() == 1)
    };
    own.or_else(only)
        .or_else(|| find(&|one| one.name == USUAL))
        .ok_or_else(|| WorkspaceError::WhichPackage {
            known: names(with_binary.clone()).into_iter().collect(),
        })
}

/// The named binary; otherwise the only one, the `default-run`, or the one named like the package.
pub(super) fn chosen_binary<'a>(
    package: &'a Package,
    wanted: Option<&str>,
) -> Result<&'a str, WorkspaceError> {
    let binaries = package.binaries();
    let find = |name: &str| binaries.iter().copied().find(|binary| *binary == name);
    let found = match wanted {
        Some(wanted) => find(wanted),
        None if binaries.len() == 1 => binaries.first().copied(),
        None => package
            .default_run
            .as_deref()
            .and_then(find)
            .or_else(|| find(&package.name)),
    };
    found.ok_or_else(|| WorkspaceError::NoSuchBinary {
        package: package.name.clone(),
        wanted: wanted.map(str::to_owned),
        known: binaries.into_iter().map(str::to_owned).collect(),
    })
}

/// The crates that the patterns match. A pattern without a match is an error.
pub(super) fn listed(
    patterns: &[String],
    members: &[&Package],
    others: &[&Package],
) -> Result<BTreeSet<String>, WorkspaceError> {
    let mut found = BTreeSet::new();
    for pattern in patterns {
        let matching = |one: &&&Package| matches(pattern, &one.name);
        let of_pattern = names(others.iter().filter(matching).copied());
        if of_pattern.is_empty() && !members.iter().any(|one| matches(pattern, &one.name)) {
            return Err(WorkspaceError::NoSuchCrate {
                pattern: pattern.clone(),
            });
        }
        found.extend(of_pattern);
    }
    Ok(found)
}

/// Whether a name matches a pattern, in which `*` stands for any text.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, tail)) => name.strip_prefix(head).is_some_and(|rest| {
            (0..=rest.len())
                .filter(|at| rest.is_char_boundary(*at))
                .any(|at| matches(tail, &rest[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::workspace::Target;
    use super::*;

    fn package(name: &str, binaries: &[&str], default_run: Option<&str>) -> Package {
        let target = |name: &&str| Target {
            name: (*name).to_owned(),
            kind: vec!["bin".to_owned()],
        };
        Package {
            id: format!("path+file:///w/{name}"),
            name: name.to_owned(),
            manifest_path: PathBuf::from(format!("/w/{name}/Cargo.toml")),
            targets: binaries.iter().map(target).collect(),
            default_run: default_run.map(str::to_owned),
            dependencies: Vec::new(),
            metadata: None,
        }
    }

    #[test]
    fn a_package_is_chosen_where_one_is_meant_and_asked_for_where_several_may_be() {
        let (lib, one, two) = (
            package("lib", &[], None),
            package("one", &["one"], None),
            package("two", &["two"], None),
        );
        let worker = package("worker", &["worker"], None);
        let chosen = |all: &[&Package], own: Option<&Path>, wanted: Option<&str>| {
            chosen_package(all, own, wanted)
                .map(|package| package.name.clone())
                .map_err(|error| error.to_string())
        };
        assert_eq!(chosen(&[&lib, &one], None, None).as_deref(), Ok("one"));
        assert_eq!(
            chosen(&[&one, &two], Some(&two.manifest_path), None).as_deref(),
            Ok("two")
        );
        assert_eq!(
            chosen(&[&one, &two, &worker], None, None).as_deref(),
            Ok("worker")
        );
        assert_eq!(
            chosen(&[&one, &two], None, Some("one")).as_deref(),
            Ok("one")
        );
        let which =
            chosen(&[&lib, &one, &two], Some(&lib.manifest_path), None).expect_err("two have one");
        assert!(
            which.contains("--package") && which.contains("one, two"),
            "{which}"
        );
        let other = chosen(&[&one, &two], None, Some("tow")).expect_err("no such package");
        assert!(
            other.contains("`tow`") && other.contains("one, two"),
            "{other}"
        );
    }

    #[test]
    fn a_binary_is_chosen_as_cargo_does() {
        let chosen = |package: &Package, wanted| {
            chosen_binary(package, wanted)
                .map(str::to_owned)
                .map_err(|error| error.to_string())
        };
        assert_eq!(
            chosen(&package("a", &["x"], None), None).as_deref(),
            Ok("x")
        );
        assert_eq!(
            chosen(&package("a", &["x", "a"], None), None).as_deref(),
            Ok("a")
        );
        assert_eq!(
            chosen(&package("a", &["x", "y"], Some("y")), None).as_deref(),
            Ok("y")
        );
        assert_eq!(
            chosen(&package("a", &["x", "y"], None), Some("x")).as_deref(),
            Ok("x")
        );
        let which = chosen(&package("a", &["x", "y"], None), None).expect_err("two are there");
        assert!(which.contains("--bin") && which.contains("x, y"), "{which}");
        let none = chosen(&package("a", &[], None), None).expect_err("a library");
        assert!(none.contains("has no binary"), "{none}");
    }

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, name) in [
            ("gemm*", "gemm-f32"),
            ("gemm*", "gemm"),
            ("*-core", "a-core"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("gemm", "gemm-f32"), ("gemm*", "agemm"), ("a*b", "ac")] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
        let (own, other) = (
            package("app", &["app"], None),
            package("candle-nn", &[], None),
        );
        let of = |patterns: &[&str]| {
            let patterns: Vec<String> = patterns.iter().map(|one| (*one).to_owned()).collect();
            listed(&patterns, &[&own], &[&other]).map_err(|error| error.to_string())
        };
        assert_eq!(
            of(&["candle*"]),
            Ok(BTreeSet::from(["candle-nn".to_owned()]))
        );
        assert_eq!(
            of(&["app"]),
            Ok(BTreeSet::new()),
            "it has the profile anyway"
        );
        assert!(of(&["candel*"]).expect_err("misspelt").contains("candel*"));
    }
}
