//! The compiler wrapper: one small shell script, the same for every build. It adds the flags of the
//! build to the crates in their scope, logs each such call, and makes Cargo track a build number
//! for each crate, so that a change of flags rebuilds exactly the crates concerned. Owns the script
//! and its log; must not know flags.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::flags::Flags;
use super::workspace::Crates;
use super::{BuildError, digest};

/// Name of the script, by which Cargo finds it in `PATH`.
const NAME: &str = "bench-rustc";

/// Separator of flags, as in Cargo's own encoded flags.
const SEPARATOR: &str = "\u{1f}";

/// Build scripts and compiler queries have no `--target` or emit no dep-info; they pass unchanged.
/// Cargo compiles crates in parallel, so each call is logged by one `printf`. Every crate has its
/// own variable, which says whose flags it gets: none, those of the hook, or those of the build
/// with that number. The `env-dep` line is what rustc itself writes for `env!`: Cargo then compares
/// the variable with its value, and also tracks an unset one.
const SCRIPT: &str = r#"#!/bin/sh
# Compiles one crate with its flags of the current variant. Written by `coordinator build`.
rustc=$1; shift
name= out= extra= target= emit= last=
for arg in "$@"; do
  case $last in
    --crate-name) name=$arg ;;
    --out-dir) out=$arg ;;
    --target) target=$arg ;;
    -C) case $arg in extra-filename=*) extra=${arg#extra-filename=} ;; esac ;;
  esac
  case $arg in --emit=*dep-info*) emit=yes ;; esac
  last=$arg
done
if [ -z "$target" ] || [ -z "$emit" ]; then exec "$rustc" "$@"; fi
crate=$CARGO_PKG_NAME
while case $crate in *-*) true ;; *) false ;; esac; do crate=${crate%%-*}_${crate#*-}; done
eval "build=\${BENCH_BUILD_$crate-}"
case $build in
  '') flags= ;;
  hook) flags=$BENCH_HOOK_FLAGS ;;
  *) flags=$BENCH_VARIANT_FLAGS ;;
esac
IFS=$(printf '\037'); set -f
"$rustc" "$@" $flags || exit
IFS=' '
printf '\n# env-dep:BENCH_BUILD_%s%s\n' "$crate" "${build:+=$build}" >> "$out/$name$extra.d"
case $build in '' | hook) exit ;; esac
separator=$(printf '\037') line=$name
for arg in "$@"; do line=$line$separator$arg; done
if [ -n "$flags" ]; then line=$line$separator$flags; fi
printf '%s\n' "$line" >> "$BENCH_VARIANT_LOG"
"#;

/// The installed script and the log of the current build.
#[derive(Debug)]
pub(super) struct Wrapper {
    folder: PathBuf,
    log: PathBuf,
}

/// One compiler call for a crate.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) krate: String,
    pub(super) args: Vec<String>,
}

impl Wrapper {
    /// Writes the script under `dir`, unless it exists: Cargo queries the compiler again if the
    /// script is newer.
    pub(super) fn install(dir: &Path) -> Result<Self, BuildError> {
        use std::os::unix::fs::PermissionsExt;
        let folder = dir.join("wrapper");
        fs::create_dir_all(&folder).map_err(BuildError::io(&folder))?;
        let script = folder.join(NAME);
        if fs::read_to_string(&script).ok().as_deref() != Some(SCRIPT) {
            fs::write(&script, SCRIPT).map_err(BuildError::io(&script))?;
        }
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755))
            .map_err(BuildError::io(&script))?;
        Ok(Self {
            log: folder.join("calls"),
            folder,
        })
    }

    /// Prepares `command` (a cargo) to compile with `flags`. Crates in their scope are always
    /// recompiled: the need for a build was decided before, and the diagnostics and calls of this
    /// very build are needed.
    pub(super) fn apply(
        &self,
        command: &mut Command,
        flags: &Flags,
        crates: &Crates,
    ) -> Result<(), BuildError> {
        fs::write(&self.log, "").map_err(BuildError::io(&self.log))?;
        command
            .env("PATH", self.path()?)
            .env("RUSTC_WRAPPER", NAME)
            .env("CARGO_ENCODED_RUSTFLAGS", flags.program.join(SEPARATOR))
            .env("BENCH_VARIANT_FLAGS", flags.workspace.join(SEPARATOR))
            .env("BENCH_HOOK_FLAGS", flags.hook.join(SEPARATOR))
            .env("BENCH_VARIANT_LOG", &self.log);
        let hooked = crates.hooked.iter().filter(|_| !flags.hook.is_empty());
        command.envs(hooked.map(|krate| (variable(krate), "hook".to_owned())));
        let number = build_number(flags);
        let in_scope = crates.in_scope_of(flags);
        command.envs(in_scope.map(|krate| (variable(krate), number.clone())));
        Ok(())
    }

    /// The crates that were compiled, with all their arguments.
    pub(super) fn calls(&self) -> Result<Vec<Call>, BuildError> {
        let log = fs::read_to_string(&self.log).map_err(BuildError::io(&self.log))?;
        Ok(log.lines().filter_map(parse_call).collect())
    }

    fn path(&self) -> Result<OsString, BuildError> {
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        std::env::join_paths(
            std::iter::once(self.folder.clone()).chain(std::env::split_paths(&inherited)),
        )
        .map_err(|e| BuildError::Io {
            path: self.folder.clone(),
            source: std::io::Error::other(e),
        })
    }
}

/// The variable with a crate's build number, as the script spells it.
fn variable(krate: &str) -> String {
    format!("BENCH_BUILD_{}", krate.replace('-', "_"))
}

/// Fails if a workspace crate was compiled without one of `flags`, or none was compiled at all.
pub(super) fn check_arrived(step: &str, calls: &[Call], flags: &Flags) -> Result<(), BuildError> {
    let wanted = flags.all();
    if calls.is_empty() {
        return Err(lost(step, "*", flags));
    }
    for call in calls {
        if let Some(flag) = wanted.iter().find(|flag| !call.args.contains(flag)) {
            return Err(flag_lost(step, &call.krate, flag));
        }
    }
    Ok(())
}

/// The error for a crate that was not compiled.
pub(super) fn lost(step: &str, krate: &str, flags: &Flags) -> BuildError {
    let all = flags.all();
    flag_lost(step, krate, all.first().map_or("(none)", String::as_str))
}

fn flag_lost(step: &str, krate: &str, flag: &str) -> BuildError {
    BuildError::FlagLost {
        step: step.to_owned(),
        krate: krate.to_owned(),
        flag: flag.to_owned(),
    }
}

/// Differs for every build, so that Cargo never reuses crates of another build.
fn build_number(flags: &Flags) -> String {
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    digest::Fields::new("build")
        .field("flags", &flags.digest())
        .field("time", &now.as_nanos().to_string())
        .field("process", &std::process::id().to_string())
        .hex()
}

fn parse_call(line: &str) -> Option<Call> {
    let mut parts = line.split(SEPARATOR).map(str::to_owned);
    Some(Call {
        krate: parts.next().filter(|name| !name.is_empty())?,
        args: parts.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flags(words: &[&str]) -> Flags {
        Flags {
            workspace: words.iter().map(|w| (*w).to_owned()).collect(),
            ..Flags::default()
        }
    }

    #[test]
    fn a_flag_that_arrived_passes_and_a_lost_one_is_named() {
        let call = parse_call("engine\u{1f}-O\u{1f}-Cprofile-use=x").expect("a call");
        assert!(
            check_arrived(
                "pgo",
                std::slice::from_ref(&call),
                &flags(&["-Cprofile-use=x"])
            )
            .is_ok()
        );
        let error = check_arrived("pgo", &[call], &flags(&["-Cprofile-use=y"])).expect_err("lost");
        assert!(
            error.to_string().contains("-Cprofile-use=y") && error.to_string().contains("engine")
        );
        assert!(
            check_arrived("baseline", &[], &flags(&[])).is_err(),
            "no call proves nothing"
        );
    }
}
