//! Applies BOLT to the finished `pgo` program: it is linked with relocations, counts its own
//! branches under the same training, and is laid out again from those counts. Owns the tool, its
//! options and the checks on its output; must not know the source of the compiler's profile, which
//! `pgo` owns.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::flags::Recipe;
use super::manifest::{BoltRecord, VariantRecord};
use super::pipeline::{Compiled, Pipeline};
use super::profile::Profile;
use super::toolchain::major;
use super::training::{Counting, Trainer};
use super::variant::{Scope, VariantName};
use super::{BuildError, digest, tool};

/// The command that installs both programs.
const REMEDY: &str = "install Debian's `bolt-19`, or build without `pgo+bolt`";
/// Newest version that is searched by name.
const NEWEST: u32 = 25;
/// BOLT's layout options.
const LAYOUT: [&str; 5] = [
    "-reorder-blocks=ext-tsp",
    "-reorder-functions=cdsort",
    "-split-functions",
    "-split-all-cold",
    "-use-gnu-stack",
];

/// `llvm-bolt` and `merge-fdata` of one version.
#[derive(Debug, Clone)]
pub(super) struct Bolt {
    optimiser: PathBuf,
    merger: PathBuf,
    version: String,
}

impl Bolt {
    /// The first version found: in `PATH`, then in Debian's directories.
    ///
    /// # Errors
    /// When there is none; the message has the command that installs it.
    pub(super) fn discover() -> Result<Self, BuildError> {
        candidates()
            .into_iter()
            .find_map(|(optimiser, merger)| Self::at(optimiser, merger))
            .ok_or(BuildError::NoBolt)
    }

    fn at(optimiser: PathBuf, merger: PathBuf) -> Option<Self> {
        let text = tool::stdout(Command::new(&optimiser).arg("--version"), REMEDY).ok()?;
        let version = version(&text)?;
        tool::output(Command::new(&merger).arg("--version"), REMEDY).ok()?;
        Some(Self {
            optimiser,
            merger,
            version,
        })
    }

    /// Instruments `program`. Each process that ends writes its counts to `counts` with its pid
    /// appended.
    fn instrument(&self, program: &Path, counts: &Path, output: &Path) -> Result<(), BuildError> {
        let mut command = Command::new(&self.optimiser);
        command
            .arg(program)
            .arg("-o")
            .arg(output)
            .args(["-instrument", "--instrumentation-file-append-pid"]);
        command.arg(format!("-instrumentation-file={}", counts.display()));
        tool::stdout(&mut command, REMEDY).map(drop)
    }

    fn merge(&self, counts: &[PathBuf], output: &Path) -> Result<(), BuildError> {
        let text = tool::stdout(Command::new(&self.merger).args(counts), REMEDY)?;
        fs::write(output, text).map_err(BuildError::io(output))
    }

    fn lay_out(&self, program: &Path, counts: &Path, output: &Path) -> Result<(), BuildError> {
        let mut command = Command::new(&self.optimiser);
        command
            .arg(program)
            .arg("-o")
            .arg(output)
            .arg(format!("-data={}", counts.display()))
            .args(LAYOUT);
        tool::stdout(&mut command, REMEDY).map(drop)
    }
}

impl Pipeline<'_> {
    /// Builds `pgo+bolt`, unless it exists with the same profile and training.
    pub(super) fn bolted(
        &mut self,
        bolt: &Bolt,
        profile: Option<Profile>,
        trainer: &mut dyn Trainer,
    ) -> Result<(), BuildError> {
        let variant = VariantName::PgoBolt;
        let path = profile.as_ref().map(|profile| profile.path.clone());
        let recipe = Recipe::Optimised {
            variant,
            profile: path.clone(),
        };
        if self.bolt_fits(&recipe, bolt, &trainer.digest()) {
            return self.reused(variant.as_str());
        }
        self.withdraw(variant)?;
        let mut compiled = self.compile(&recipe, path.as_deref())?;
        if let Some(profile) = profile {
            self.judge(variant, Scope::Workspace, profile, &compiled)?;
        }
        let counted = self.counted(bolt, &compiled.executable, trainer)?;
        let begin = self.started("bolt");
        let output = self.options.out.join("not-variants/bolt-output");
        bolt.lay_out(
            &compiled.executable,
            &self.options.out.join(&counted.path),
            &output,
        )?;
        check_runs(&compiled, &output)?;
        compiled.executable = output;
        compiled.flags.extend(LAYOUT.map(str::to_owned));
        compiled.build_seconds += self.finished("bolt", begin);
        let record = VariantRecord {
            bolt: Some(counted),
            ..self.install(compiled)?
        };
        self.record_variant(variant, record)
    }

    fn bolt_fits(&self, recipe: &Recipe, bolt: &Bolt, training: &str) -> bool {
        let Some(record) = self.manifest.variants.get(recipe.name()) else {
            return false;
        };
        let flags = [
            self.portable(recipe.flags(&self.manifest.settings.rustflags).all()),
            LAYOUT.map(str::to_owned).to_vec(),
        ]
        .concat();
        let same = |known: &BoltRecord| {
            known.version == bolt.version && known.training.plan_digest == training
        };
        self.portable(record.flags.clone()) == flags
            && record.bolt.as_ref().is_some_and(same)
            && !self.options.retrain
            && record.verify(&self.options.out, recipe.name()).is_ok()
    }

    /// Counts the branches of `program` during the training.
    fn counted(
        &mut self,
        bolt: &Bolt,
        program: &Path,
        trainer: &mut dyn Trainer,
    ) -> Result<BoltRecord, BuildError> {
        let dir = self.options.out.join("training");
        if dir.exists() {
            fs::remove_dir_all(&dir).map_err(BuildError::io(&dir))?;
        }
        fs::create_dir_all(&dir).map_err(BuildError::io(&dir))?;
        let instrumented = self.options.out.join("not-variants/bolt-instrumented");
        let begin = self.started("training-bolt");
        create_parent(&instrumented)?;
        bolt.instrument(program, &dir.join("counts"), &instrumented)?;
        let training = trainer
            .train(&instrumented, &dir, Counting::Inserted)
            .map_err(|source| BuildError::Training { source })?;
        let counts = files(&dir)?;
        if counts.len() != training.workers as usize {
            return Err(BuildError::BoltCounts {
                expected: training.workers,
                found: counts.len(),
            });
        }
        let path = Path::new("profiles/bolt.fdata");
        create_parent(&self.options.out.join(path))?;
        bolt.merge(&counts, &self.options.out.join(path))?;
        fs::remove_dir_all(&dir).map_err(BuildError::io(&dir))?;
        self.finished("training-bolt", begin);
        let sha256 = digest::file(&self.options.out.join(path))?;
        Ok(BoltRecord {
            version: bolt.version.clone(),
            path: path.to_owned(),
            sha256,
            training,
        })
    }
}

/// The version in the output of `llvm-bolt`; distributions put their name before it.
fn version(answer: &str) -> Option<String> {
    let (_, version) = answer
        .lines()
        .find_map(|line| line.split_once("LLVM version "))?;
    major(version)
        .filter(|_| answer.contains("BOLT"))
        .map(|_| version.trim().to_owned())
}

/// Both programs under every name they may have.
fn candidates() -> Vec<(PathBuf, PathBuf)> {
    let plain = (PathBuf::from("llvm-bolt"), PathBuf::from("merge-fdata"));
    let numbered = (15..=NEWEST).rev().flat_map(|version| {
        let suffixed = |name: &str| PathBuf::from(format!("{name}-{version}"));
        let debian = |name: &str| PathBuf::from(format!("/usr/lib/llvm-{version}/bin/{name}"));
        // Debian's versioned names are links, next to which BOLT does not find its runtime library.
        [
            (debian("llvm-bolt"), debian("merge-fdata")),
            (suffixed("llvm-bolt"), suffixed("merge-fdata")),
        ]
    });
    std::iter::once(plain).chain(numbered).collect()
}

fn create_parent(path: &Path) -> Result<(), BuildError> {
    let folder = path.parent().expect("a file is always inside a folder");
    fs::create_dir_all(folder).map_err(BuildError::io(folder))
}

/// The files that the trained processes wrote.
fn files(dir: &Path) -> Result<Vec<PathBuf>, BuildError> {
    let entries = fs::read_dir(dir).map_err(BuildError::io(dir))?;
    let mut files: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    files.sort();
    Ok(files)
}

/// BOLT sometimes writes programs that crash, so the new program must at least print the same as
/// the old one.
fn check_runs(before: &Compiled, after: &Path) -> Result<(), BuildError> {
    let says = |program: &Path| tool::stdout(Command::new(program).arg("--version"), REMEDY);
    let (expected, found) = (says(&before.executable)?, says(after)?);
    if expected == found {
        Ok(())
    } else {
        Err(BuildError::BoltBroke { expected, found })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_no_bolt_is_not_taken_for_one() {
        assert!(Bolt::at(PathBuf::from("/bin/true"), PathBuf::from("/bin/true")).is_none());
        assert!(
            Bolt::at(
                PathBuf::from("/no/such/llvm-bolt"),
                PathBuf::from("/bin/true")
            )
            .is_none()
        );
    }

    #[test]
    fn the_version_is_found_behind_a_distribution_s_name() {
        let debian = "Debian LLVM version 19.1.7\n  Optimized build.\nBOLT revision <unknown>\n";
        assert_eq!(version(debian).as_deref(), Some("19.1.7"));
        assert_eq!(version(&debian.replace("BOLT", "tool")), None);
        assert_eq!(version("LLVM version unknown\nBOLT"), None);
    }

    #[test]
    fn names_without_a_number_come_first_and_newer_versions_before_older() {
        let found = candidates();
        assert_eq!(found[0].0, Path::new("llvm-bolt"));
        let at = |name: &str| {
            found
                .iter()
                .position(|(path, _)| path == Path::new(name))
                .expect("listed")
        };
        assert!(at("/usr/lib/llvm-20/bin/llvm-bolt") < at("llvm-bolt-19"));
        assert!(at("/usr/lib/llvm-19/bin/llvm-bolt") < at("llvm-bolt-19"));
    }
}
