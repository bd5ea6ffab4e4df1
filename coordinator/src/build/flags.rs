//! The one list of flags from which every build is derived, so that builds differ only in their
//! profile flags. Flags for single crates go through the wrapper, flags for the whole program
//! through Cargo; only the scope decides which. Runs nothing.

use std::path::{Path, PathBuf};

use super::digest;
use super::variant::{Scope, VariantName};
use crate::layout::Layout;

/// One build: a variant, the instrumented program, or a control.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Recipe {
    Baseline,
    /// The baseline, linked with its functions in another order.
    Layout(Layout),
    Instrumented {
        scope: Scope,
        atomic_counters: bool,
    },
    /// Optimised with the profile at `profile`; without a profile it is the baseline under another
    /// name.
    Optimised {
        variant: VariantName,
        profile: Option<PathBuf>,
    },
    /// As `Optimised`, but with a profile that must not help.
    Control {
        name: &'static str,
        scope: Scope,
        profile: PathBuf,
    },
}

/// The flags of one build.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Flags {
    /// For workspace crates, passed through the wrapper.
    pub(super) workspace: Vec<String>,
    /// Whether the listed dependencies get the flags of workspace crates.
    pub(super) listed: bool,
    /// For dependencies with the profile hook, passed through the wrapper.
    pub(super) hook: Vec<String>,
    /// For every crate of the target, passed through Cargo.
    pub(super) program: Vec<String>,
}

impl Recipe {
    /// The step's name in progress, errors and file names.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Baseline => "baseline",
            Self::Layout(layout) => layout.name(),
            Self::Instrumented { scope, .. } => scope.instrumented(),
            Self::Optimised { variant, .. } => variant.as_str(),
            Self::Control { name, .. } => name,
        }
    }

    /// The crates that get profile flags; `None` if there are none.
    fn scope(&self) -> Option<Scope> {
        match self {
            Self::Baseline | Self::Layout(_) => None,
            Self::Optimised { variant, .. } => variant.scope(),
            Self::Instrumented { scope, .. } | Self::Control { scope, .. } => Some(*scope),
        }
    }

    /// The flags of this build: the user's for every crate, the profile's by scope.
    pub(super) fn flags(&self, user: &[String]) -> Flags {
        let mut flags = Flags {
            listed: self.scope() == Some(Scope::Crates),
            program: user.to_vec(),
            ..Flags::default()
        };
        match self.scope() {
            Some(Scope::Workspace | Scope::Crates) => flags.workspace.extend(self.profile_flags()),
            Some(Scope::Program) => flags.program.extend(self.profile_flags()),
            None => {}
        }
        if matches!(self, Self::Instrumented { .. }) {
            // A cargo feature would change every symbol's hash.
            flags.hook = vec!["--cfg".to_owned(), "profile_hook".to_owned()];
            flags.workspace.extend(flags.hook.clone());
        }
        if matches!(
            self,
            Self::Optimised {
                variant: VariantName::PgoBolt,
                ..
            }
        ) {
            // BOLT needs relocations and symbols in the file to move code. The code itself is
            // unchanged.
            flags
                .workspace
                .extend(["-Cstrip=none".to_owned(), "-Clink-arg=-Wl,-q".to_owned()]);
        }
        if let Self::Layout(layout) = self {
            // Every function has its own section. Only the linker reads this, so the compiler makes
            // the same code.
            flags.workspace.push(format!(
                "-Clink-arg=-Wl,--shuffle-sections=.text*={}",
                layout.seed()
            ));
        }
        flags
    }

    fn profile_flags(&self) -> Vec<String> {
        match self {
            Self::Baseline | Self::Layout(_) | Self::Optimised { profile: None, .. } => Vec::new(),
            Self::Instrumented {
                atomic_counters, ..
            } => {
                let atomic = atomic_counters
                    .then(|| "-Cllvm-args=-instrprof-atomic-counter-update-all".to_owned());
                std::iter::once("-Cprofile-generate".to_owned())
                    .chain(atomic)
                    .collect()
            }
            Self::Optimised {
                profile: Some(profile),
                ..
            }
            | Self::Control { profile, .. } => use_flags(profile),
        }
    }
}

impl Flags {
    /// All flags in one list, for the record and for the check that the compiler received them.
    pub(super) fn all(&self) -> Vec<String> {
        self.program
            .iter()
            .chain(&self.workspace)
            .cloned()
            .collect()
    }

    /// Digest of the flags and of their targets.
    pub(super) fn digest(&self) -> String {
        digest::Fields::new("flags")
            .fields("workspace", &self.workspace)
            .fields("program", &self.program)
            .field("listed", if self.listed { "too" } else { "" })
            .hex()
    }
}

fn use_flags(profile: &Path) -> Vec<String> {
    // Without the second flag the compiler does not warn about functions that are not in the
    // profile.
    vec![
        format!("-Cprofile-use={}", profile.display()),
        "-Cllvm-args=-pgo-warn-missing-function".to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn optimised(variant: VariantName) -> Recipe {
        Recipe::Optimised {
            variant,
            profile: Some(PathBuf::from("/p/x.profdata")),
        }
    }

    #[test]
    fn builds_differ_in_profile_flags_alone() {
        let user = vec!["-Ctarget-cpu=native".to_owned()];
        let baseline = Recipe::Baseline.flags(&user);
        let pgo = optimised(VariantName::Pgo).flags(&user);
        assert_eq!(baseline.program, pgo.program, "dependencies are shared");
        assert!(baseline.workspace.is_empty());
        assert!(
            pgo.workspace
                .iter()
                .all(|flag| flag.contains("profile-use") || flag.contains("pgo-warn"))
        );
        let without = Recipe::Optimised {
            variant: VariantName::Pgo,
            profile: None,
        };
        assert_eq!(without.flags(&user), baseline);
        assert_ne!(pgo.digest(), baseline.digest());
    }

    #[test]
    fn scope_decides_the_road_and_only_the_instrumented_build_has_the_hook() {
        let pgo = optimised(VariantName::PgoProgram).flags(&[]);
        assert!(pgo.workspace.is_empty() && pgo.program.len() == 2);
        assert_ne!(
            pgo.digest(),
            optimised(VariantName::Pgo).flags(&[]).digest()
        );
        let hook = "profile_hook".to_owned();
        for scope in [Scope::Workspace, Scope::Crates, Scope::Program] {
            let instrumented = Recipe::Instrumented {
                scope,
                atomic_counters: false,
            }
            .flags(&[]);
            assert!(
                instrumented.workspace.contains(&hook) && !instrumented.program.contains(&hook)
            );
        }
        for variant in VariantName::ALL {
            assert!(!optimised(variant).flags(&[]).all().contains(&hook));
        }
    }

    #[test]
    fn listed_crates_get_the_flags_of_the_workspace_in_the_scope_of_crates_alone() {
        for variant in VariantName::ALL {
            let flags = optimised(variant).flags(&[]);
            assert_eq!(flags.listed, variant == VariantName::PgoCrates, "{variant}");
        }
        let [crates, workspace] =
            [VariantName::PgoCrates, VariantName::Pgo].map(|one| optimised(one).flags(&[]));
        assert_eq!(crates.workspace, workspace.workspace);
        assert_ne!(crates.digest(), workspace.digest());
    }

    #[test]
    fn what_bolt_needs_is_kept_in_its_build_alone() {
        let relocations = "-Clink-arg=-Wl,-q".to_owned();
        for variant in VariantName::ALL {
            let kept = optimised(variant).flags(&[]).all().contains(&relocations);
            assert_eq!(kept, variant == VariantName::PgoBolt, "{variant}");
        }
    }

    #[test]
    fn a_layout_is_the_baseline_but_for_its_seed_at_the_linker() {
        let baseline = Recipe::Baseline.flags(&[]);
        let mut seen = std::collections::BTreeSet::from([baseline.digest()]);
        for layout in Layout::all() {
            let flags = Recipe::Layout(layout).flags(&[]);
            assert_eq!(flags.program, baseline.program, "dependencies are shared");
            assert!(
                matches!(&flags.workspace[..], [flag] if flag.ends_with(&format!("={}", layout.seed())))
            );
            assert!(seen.insert(flags.digest()), "{layout}");
            assert_eq!(
                VariantName::Layout(layout).scope(),
                None,
                "no profile belongs to it"
            );
        }
        for variant in VariantName::ALL {
            assert!(
                !optimised(variant)
                    .flags(&[])
                    .all()
                    .iter()
                    .any(|flag| flag.contains("shuffle"))
            );
        }
    }
}
