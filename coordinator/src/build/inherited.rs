//! The build settings that come from the user's environment and cargo configuration, and how each
//! is treated. Flags apply to every crate of every variant; other settings that change code are
//! recorded; settings that would break the comparison are refused by name; settings that cannot
//! matter are ignored with a warning. Nothing is dropped silently. Owns the names and their
//! precedence, which are Cargo's own; must not know how a build is run.
//!
//! | what | becomes |
//! |---|---|
//! | `CARGO_ENCODED_RUSTFLAGS`, `RUSTFLAGS`, `target.TRIPLE.rustflags`, `build.rustflags` | the first of these, for every crate of every variant |
//! | `CARGO_PROFILE_*`, `CARGO_TARGET_*`; tables `profile`, `target`, `env`, `build`, `patch`, `unstable` | recorded; Cargo applies them to all variants alike |
//! | flags of profiles, `target.'cfg(…)'.rustflags`, `include`, another target, compiler or workspace wrapper | refused |
//! | `RUSTC_WRAPPER`, `build.rustc-wrapper`, `CARGO_INCREMENTAL`, `RUSTC_BOOTSTRAP` | left out, with a warning |

use std::collections::BTreeMap;
use std::path::Path;

use super::BuildError;
use super::config::{Config, configs, refuse_if, refused, words};

/// The settings that a build inherits.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Inherited {
    /// Flags for every crate of every variant.
    pub(super) rustflags: Vec<String>,
    /// Settings that Cargo applies itself, as `name = value`, for the record.
    pub(super) settings: Vec<String>,
    /// Those of them that are variables, to be passed to cargo.
    pub(super) variables: Vec<(String, String)>,
    /// Variables and settings that are ignored.
    pub(super) left_out: Vec<String>,
}

/// Variables that change no code, or only the speed of the build.
const LEFT_OUT: [&str; 5] = [
    "RUSTC_WRAPPER",
    "CARGO_BUILD_RUSTC_WRAPPER",
    "CARGO_INCREMENTAL",
    "CARGO_BUILD_INCREMENTAL",
    "RUSTC_BOOTSTRAP",
];
/// Variables and keys of `build` that would override what a build must decide itself.
const REFUSED: [(&str, &str, &str); 4] = [
    ("RUSTC", "", COMPILER),
    ("CARGO_BUILD_RUSTC", "rustc", COMPILER),
    ("RUSTC_WORKSPACE_WRAPPER", "", WRAPPER),
    (
        "CARGO_BUILD_RUSTC_WORKSPACE_WRAPPER",
        "rustc-workspace-wrapper",
        WRAPPER,
    ),
];
const COMPILER: &str = "choose the compiler with rustup (`rustup override set`) or PATH";
const WRAPPER: &str = "the build uses it for the wrapper that gives each variant its flags";
/// Flags that make or use a profile.
const OWN_FLAGS: [&str; 3] = ["profile-use", "profile-generate", "instrument-coverage"];
impl Inherited {
    /// The settings that a build of the workspace at `root` for `triple` inherits from these
    /// variables and Cargo's configuration files.
    pub(super) fn of(
        root: &Path,
        variables: &BTreeMap<String, String>,
        triple: &str,
    ) -> Result<Self, BuildError> {
        let configs = configs(root, variables)?;
        for (name, key, why) in REFUSED {
            refuse_if(
                variables.get(name).is_some_and(|value| !value.is_empty()),
                name,
                why,
            )?;
            let configured = |config: &Config| !key.is_empty() && config.build(key).is_some();
            if let Some(config) = configs.iter().find(|config| configured(config)) {
                return Err(refused(
                    &format!("build.{key} in {}", config.path.display()),
                    why,
                ));
            }
        }
        check_target(variables, &configs, triple)?;
        let mut inherited = Self {
            rustflags: rustflags(variables, &configs, triple)?,
            settings: configs.iter().flat_map(Config::settings).collect(),
            variables: Vec::new(),
            left_out: LEFT_OUT
                .iter()
                .filter(|name| variables.contains_key(**name))
                .map(|n| (*n).to_owned())
                .collect(),
        };
        let wrapping = |config: &&Config| config.build("rustc-wrapper").is_some();
        let wrapping = configs.iter().filter(wrapping);
        inherited.left_out.extend(
            wrapping.map(|config| format!("build.rustc-wrapper in {}", config.path.display())),
        );
        let own = triple_variable(triple);
        for (name, value) in variables {
            let target = name.strip_prefix("CARGO_TARGET_").is_some_and(|rest| {
                rest.starts_with(&own)
                    && !rest.ends_with("_RUSTFLAGS")
                    && !rest.ends_with("_RUNNER")
            });
            if name.starts_with("CARGO_PROFILE_") || target {
                inherited.settings.push(format!("{name}={value}"));
                inherited.variables.push((name.clone(), value.clone()));
            }
        }
        Ok(inherited)
    }
}

/// The flags that Cargo would use: the first of four places that has any.
fn rustflags(
    variables: &BTreeMap<String, String>,
    configs: &[Config],
    triple: &str,
) -> Result<Vec<String>, BuildError> {
    let split = |text: &String, by: char| -> Vec<String> {
        text.split(by)
            .map(str::trim)
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let (mut from_target, mut from_build) = (Vec::new(), Vec::new());
    for config in configs {
        from_target.extend(config.target_flags(triple)?);
        from_build.extend(config.build("rustflags").map(words).unwrap_or_default());
    }
    let of_target = format!("CARGO_TARGET_{}_RUSTFLAGS", triple_variable(triple));
    for (name, flags) in [
        (&*of_target, &mut from_target),
        ("CARGO_BUILD_RUSTFLAGS", &mut from_build),
    ] {
        flags.extend(
            variables
                .get(name)
                .map(|text| split(text, ' '))
                .unwrap_or_default(),
        );
    }
    let encoded = variables
        .get("CARGO_ENCODED_RUSTFLAGS")
        .map(|text| split(text, '\u{1f}'));
    let (name, flags) = match (encoded, variables.get("RUSTFLAGS")) {
        (Some(flags), _) => ("CARGO_ENCODED_RUSTFLAGS", flags),
        (None, Some(text)) => ("RUSTFLAGS", split(text, ' ')),
        (None, None) if !from_target.is_empty() => {
            ("rustflags of the cargo configuration", from_target)
        }
        (None, None) => ("rustflags of the cargo configuration", from_build),
    };
    let own = flags
        .iter()
        .find(|flag| OWN_FLAGS.iter().any(|own| flag.contains(own)));
    match own {
        Some(flag) => Err(refused(
            &format!("`{flag}` in {name}"),
            "the variants set profile flags themselves; choose them with --variants, and your own profile \
             with --profile",
        )),
        None => Ok(flags),
    }
}

fn check_target(
    variables: &BTreeMap<String, String>,
    configs: &[Config],
    triple: &str,
) -> Result<(), BuildError> {
    const WAY_OUT: &str = "variants are built for the host that measures them";
    let other = |target: &str| !target.is_empty() && target != triple;
    if let Some(target) = variables
        .get("CARGO_BUILD_TARGET")
        .filter(|target| other(target))
    {
        return Err(refused(&format!("CARGO_BUILD_TARGET={target}"), WAY_OUT));
    }
    for config in configs {
        let targets = config.build("target").map(words).unwrap_or_default();
        if let Some(target) = targets.iter().find(|target| other(target)) {
            return Err(refused(
                &format!("build.target = \"{target}\" in {}", config.path.display()),
                WAY_OUT,
            ));
        }
    }
    Ok(())
}

/// A target triple as Cargo writes it in the name of a variable.
fn triple_variable(triple: &str) -> String {
    triple.to_uppercase().replace(['-', '.'], "_")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::config::check_below;
    use super::*;

    const TRIPLE: &str = "x86_64-unknown-linux-gnu";

    /// The inherited settings; files are given as path below a workspace's parent, and text.
    fn inherited(variables: &[(&str, &str)], files: &[(&str, &str)]) -> Result<Inherited, String> {
        let dir = tempfile::tempdir().expect("temporary directory");
        let root = dir.path().join("work");
        for (path, text) in files {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().expect("a folder")).expect("folder");
            fs::write(path, text).expect("file");
        }
        let mut all: BTreeMap<String, String> = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        all.entry("CARGO_HOME".to_owned())
            .or_insert_with(|| dir.path().join("home").display().to_string());
        Inherited::of(&root, &all, TRIPLE).map_err(|error| error.to_string())
    }

    fn flags(variables: &[(&str, &str)], files: &[(&str, &str)]) -> Vec<String> {
        inherited(variables, files)
            .expect("nothing to refuse")
            .rustflags
    }

    #[test]
    fn the_first_place_that_says_anything_gives_the_flags_as_in_cargo() {
        let build = (
            "work/.cargo/config.toml",
            "[build]\nrustflags = ['-Cfrom-build']",
        );
        let above = (".cargo/config.toml", "[build]\nrustflags = '-Cfrom above'");
        let target = (
            "home/config.toml",
            "[target.x86_64-unknown-linux-gnu]\nrustflags = ['-Cfrom-target']",
        );
        assert_eq!(flags(&[], &[]), [""; 0]);
        assert_eq!(
            flags(&[], &[build, above]),
            ["-Cfrom", "above", "-Cfrom-build"]
        );
        assert_eq!(flags(&[], &[build, target]), ["-Cfrom-target"]);
        let plain = ("RUSTFLAGS", "-C target-cpu=native");
        assert_eq!(
            flags(&[plain], &[build, target]),
            ["-C", "target-cpu=native"]
        );
        assert_eq!(
            flags(&[plain, ("CARGO_ENCODED_RUSTFLAGS", "-Ca b\u{1f}-Cc")], &[]),
            ["-Ca b", "-Cc"]
        );
        assert_eq!(
            flags(&[("CARGO_BUILD_RUSTFLAGS", "-Cx")], &[build]),
            ["-Cfrom-build", "-Cx"]
        );
        let own = ("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUSTFLAGS", "-Cy");
        assert_eq!(flags(&[own], &[build]), ["-Cy"]);
        let other = (
            "work/.cargo/config.toml",
            "[target.riscv64gc-unknown-linux-gnu]\nrustflags = ['-Cz']",
        );
        assert_eq!(flags(&[], &[other]), [""; 0], "of another target");
    }

    #[test]
    fn settings_that_cargo_applies_are_on_record() {
        let config = "[profile.variant]\nlto = 'off'\n[build]\njobs = 2\n[env]\nX = '1'\n\
                      [target.x86_64-unknown-linux-gnu]\nlinker = 'ld'\nrunner = 'r'\n[net]\noffline = true";
        let found = inherited(
            &[("CARGO_PROFILE_VARIANT_LTO", "off")],
            &[("work/.cargo/config.toml", config)],
        );
        let found = found.expect("nothing to refuse");
        let wanted = [
            "profile.variant.lto = \"off\"",
            "target.x86_64-unknown-linux-gnu.linker = \"ld\"",
            "env.X = \"1\"",
            "CARGO_PROFILE_VARIANT_LTO=off",
        ];
        assert_eq!(found.settings, wanted);
        assert_eq!(
            found.variables,
            [("CARGO_PROFILE_VARIANT_LTO".to_owned(), "off".to_owned())]
        );
        let wrapped = inherited(&[("RUSTC_WRAPPER", "sccache")], &[]).expect("nothing to refuse");
        assert_eq!(
            (wrapped.left_out, wrapped.settings),
            (vec!["RUSTC_WRAPPER".to_owned()], vec![])
        );
        let config = (
            "work/.cargo/config.toml",
            "[build]\nrustc-wrapper = 'sccache'",
        );
        let wrapped = inherited(&[], &[config]).expect("nothing to refuse");
        assert!(
            wrapped.settings.is_empty()
                && wrapped.left_out[0].starts_with("build.rustc-wrapper in "),
            "{wrapped:?}"
        );
    }

    #[test]
    fn settings_below_the_workspace_are_refused_and_those_of_it_are_not() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let member = dir.path().join("crates/app");
        for folder in [&member, dir.path()] {
            fs::create_dir_all(folder.join(".cargo")).expect("folder");
            fs::write(folder.join(".cargo/config.toml"), "").expect("file");
        }
        let refused = check_below(&member, dir.path()).expect_err("of a member");
        assert!(
            refused
                .to_string()
                .contains("crates/app/.cargo/config.toml"),
            "{refused}"
        );
        check_below(dir.path(), dir.path()).expect("counter-check: that of the workspace");
        check_below(&dir.path().join("crates"), dir.path()).expect("none between");
    }

    #[test]
    fn what_would_break_the_comparison_is_refused_by_name_with_the_way_out() {
        let file = |text: &'static str| [("work/.cargo/config.toml", text)];
        let cases = [
            (
                inherited(&[("RUSTFLAGS", "-Cprofile-use=x")], &[]),
                "`-Cprofile-use=x` in RUSTFLAGS",
                "--profile",
            ),
            (inherited(&[("RUSTC", "other")], &[]), "RUSTC", "rustup"),
            (
                inherited(&[("CARGO_BUILD_TARGET", "wasm32-wasip1")], &[]),
                "CARGO_BUILD_TARGET=wasm32-wasip1",
                "host",
            ),
            (
                inherited(&[], &file("[target.'cfg(unix)']\nrustflags = ['-Ca']")),
                "target.'cfg(unix)'.rustflags",
                "RUSTFLAGS",
            ),
            (
                inherited(&[], &file("[build]\nrustc = 'x'")),
                "build.rustc in ",
                "rustup",
            ),
            (
                inherited(&[], &file("include = 'x'")),
                "`include` in ",
                "file itself",
            ),
        ];
        for (found, name, way_out) in cases {
            let said = found.expect_err(name);
            assert!(said.contains(name) && said.contains(way_out), "{said}");
        }
        let fine = [("RUSTC", ""), ("CARGO_BUILD_TARGET", TRIPLE)];
        assert_eq!(
            inherited(&fine, &[]).expect("counter-check"),
            Inherited::default()
        );
    }
}
