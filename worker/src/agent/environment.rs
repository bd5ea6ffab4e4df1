//! The environment variables of a worker that a coordinator may set. An allow-list: variables that
//! the loader, the allocator, the language runtime or a shell reads (`LD_PRELOAD`, `PATH`,
//! `MALLOC_…`, `RUST_…`) would let a coordinator run code or change what is measured, and none is
//! needed. Messages say what a run does; the agent's own environment belongs to its administrator.
//! Must not know what a worker does with them.

use contract::message::OWN_PROCESSORS;
use contract::text;

/// Where an instrumented build writes its profile. Other builds do not read it.
const PROFILE: &str = "LLVM_PROFILE_FILE";
/// Required extension of the profile's name, so that no other file can be overwritten.
const PROFILES: &str = ".profraw";

/// A coordinator sets a variable that is not allowed. Messages complete "failed to …".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refused {
    #[error(
        "set the variable {0} for a worker: a coordinator may set {OWN_PROCESSORS} and {PROFILE}, and no other"
    )]
    Name(String),
    #[error(
        "set {PROFILE} to {0} for a worker: profiles are written only to files named …{PROFILES}"
    )]
    Profile(String),
}

/// Checks that all of them are allowed.
pub(super) fn check(env: &[(String, String)]) -> Result<(), Refused> {
    env.iter()
        .try_for_each(|(name, value)| match name.as_str() {
            OWN_PROCESSORS if value == "1" => Ok(()),
            PROFILE
                if value == "/dev/null" || (value.ends_with(PROFILES) && !value.contains('\0')) =>
            {
                Ok(())
            }
            PROFILE => Err(Refused::Profile(shown(value))),
            name => Err(Refused::Name(shown(name))),
        })
}

fn shown(text: &str) -> String {
    text::line(text, text::NAME).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(name: &str, value: &str) -> Result<(), Refused> {
        check(&[
            (OWN_PROCESSORS.to_owned(), "1".to_owned()),
            (name.to_owned(), value.to_owned()),
        ])
    }

    #[test]
    fn what_loaders_allocators_and_runtimes_read_is_refused_by_name() {
        let names = [
            "LD_PRELOAD",
            "LD_LIBRARY_PATH",
            "LD_AUDIT",
            "PATH",
            "HOME",
            "MALLOC_ARENA_MAX",
            "GLIBC_TUNABLES",
            "RUST_LOG",
            "RUST_BACKTRACE",
            "PGO_BENCH_TOKEN",
            "PGO_BENCH_COORDINATOR",
            "PGO_BENCH_MODEL_SHA256",
            "PGO_BENCH_INSECURE",
            "SSL_CERT_FILE",
            "llvm_profile_file",
            "",
        ];
        for name in names {
            let error = set(name, "x").unwrap_err().to_string();
            assert!(
                error.starts_with(&format!("set the variable {name} for a worker: ")),
                "{error}"
            );
        }
        assert!(
            set("A\u{1b}[2J", "x")
                .unwrap_err()
                .to_string()
                .contains("A\u{fffd}[2J")
        );
    }

    #[test]
    fn what_runs_need_is_let_through_and_a_profile_overwrites_nothing_else() {
        for fine in ["/dev/null", "/tmp/profiles/worker-%m-%p.profraw"] {
            assert_eq!(set(PROFILE, fine), Ok(()), "{fine}");
        }
        for wrong in [
            "/home/bench/.bashrc",
            "",
            "/tmp/x.profraw/../.ssh/authorized_keys",
            "a\0.profraw",
        ] {
            assert!(
                matches!(set(PROFILE, wrong), Err(Refused::Profile(_))),
                "{wrong}"
            );
        }
    }
}
