//! The compiler wrapper for workspace crates: one small shell script, the same for every build. It
//! adds the flags of the build, writes down each call, and makes Cargo track the build's number, so
//! that a change of flags always rebuilds workspace crates and never their dependencies. Owns the
//! script and its log; knows no flags.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::flags::Flags;
use super::{BuildError, digest};

/// Name by which Cargo finds the script in `PATH`. A bare name, not a path: Cargo hashes it into
/// every symbol of workspace crates, and builds in two checkouts should still be equal.
const NAME: &str = "bench-rustc";

/// Separates flags, as in Cargo's own encoded flags.
const SEPARATOR: &str = "\u{1f}";

/// Build scripts and queries of the compiler have no `--target` or emit no dep-info: they pass
/// unchanged. Cargo compiles crates side by side, so each call is logged by one `printf`. The
/// `env-dep` line is what rustc itself writes for `env!`: Cargo then compares the variable with its
/// value.
const SCRIPT: &str = r#"#!/bin/sh
# Compiles one workspace crate with the flags of the current variant. Written by `coordinator build`.
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
IFS=$(printf '\037'); set -f
"$rustc" "$@" $BENCH_VARIANT_FLAGS || exit
IFS=' '
printf '\n# env-dep:BENCH_VARIANT_BUILD=%s\n' "$BENCH_VARIANT_BUILD" >> "$out/$name$extra.d"
separator=$(printf '\037') line=$name
for arg in "$@"; do line=$line$separator$arg; done
if [ -n "$BENCH_VARIANT_FLAGS" ]; then line=$line$separator$BENCH_VARIANT_FLAGS; fi
printf '%s\n' "$line" >> "$BENCH_VARIANT_LOG"
"#;

/// The installed script and the log of the current build.
#[derive(Debug)]
pub(super) struct Wrapper {
    folder: PathBuf,
    log: PathBuf,
}

/// One crate that the compiler was called for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) krate: String,
    pub(super) args: Vec<String>,
}

impl Wrapper {
    /// Writes the script under `dir`, unless it is there already: Cargo asks the compiler anew when
    /// it is newer.
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

    /// Prepares `command` (a cargo) to compile with `flags`. Workspace crates are always compiled
    /// anew: whether a build is needed was decided before, and diagnostics and calls are wanted
    /// from this very build.
    pub(super) fn apply(&self, command: &mut Command, flags: &Flags) -> Result<(), BuildError> {
        fs::write(&self.log, "").map_err(BuildError::io(&self.log))?;
        command
            .env("PATH", self.path()?)
            .env("RUSTC_WORKSPACE_WRAPPER", NAME)
            .env("CARGO_ENCODED_RUSTFLAGS", flags.program.join(SEPARATOR))
            .env("BENCH_VARIANT_FLAGS", flags.workspace.join(SEPARATOR))
            .env("BENCH_VARIANT_LOG", &self.log)
            .env("BENCH_VARIANT_BUILD", build_number(flags));
        Ok(())
    }

    /// Which crates were compiled, with all their arguments.
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

/// Fails when a workspace crate was compiled without one of `flags`, or none was compiled at all.
pub(super) fn check_arrived(step: &str, calls: &[Call], flags: &Flags) -> Result<(), BuildError> {
    let wanted = flags.all();
    let lost = |krate: &str, flag: &str| BuildError::FlagLost {
        step: step.to_owned(),
        krate: krate.to_owned(),
        flag: flag.to_owned(),
    };
    if calls.is_empty() {
        return Err(lost("*", wanted.first().map_or("(none)", String::as_str)));
    }
    for call in calls {
        if let Some(flag) = wanted.iter().find(|flag| !call.args.contains(flag)) {
            return Err(lost(&call.krate, flag));
        }
    }
    Ok(())
}

/// Different for every build, so that Cargo never takes crates of another build for this one's.
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
            program: Vec::new(),
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
