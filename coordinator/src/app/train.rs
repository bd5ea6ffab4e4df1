//! Training: a normal plan on the instrumented build, driven like any run. Its latencies are
//! discarded.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use contract::id::{Attempt, RunId};
use contract::run::RunState;
use contract::spec::PromptSet;

use super::entropy::entropy;
use super::execute::{FleetTarget, on_fleet};
use super::prepare;
use crate::build::{self, Counting, Trainer, TrainingFailure, TrainingReport, profile_pattern};
use crate::dispatch::driver::unix_ms;
use crate::dispatch::event::ProgressEvent;
use crate::dispatch::job::{Binary, Job, Script};
use crate::dispatch::journal::Discard;
use crate::error::TrainError;
use crate::plan::Plan;
use crate::schedule::{self, Lineup};

/// Factor on all time limits, because instrumented builds are slow.
const PATIENCE: u32 = 10;

/// Bytes at each end of a model's file that are hashed.
const END: u64 = 64 << 10;

/// The variant name of the instrumented build.
const INSTRUMENTED: &str = "instrumented";

/// Runs the training plan.
pub(super) struct PlanTrainer<'a> {
    plan: Plan,
    model: String,
    model_digest: String,
    show: &'a mut (dyn FnMut(ProgressEvent) + Send),
}

impl<'a> PlanTrainer<'a> {
    /// A trainer for this plan on this model.
    pub(super) fn new(
        plan: Plan,
        model: String,
        show: &'a mut (dyn FnMut(ProgressEvent) + Send),
    ) -> Result<Self, TrainError> {
        if let Some(wrong) = plan
            .scenarios
            .iter()
            .find(|s| s.prompt.set != PromptSet::Training)
        {
            return Err(TrainError::EvaluationPrompts {
                scenario: wrong.name.clone(),
            });
        }
        let model_digest = model_identity(&model);
        Ok(Self {
            // Each trial writes a profile of its own.
            plan: Plan {
                windows: 1,
                ..plan.with_patience(PATIENCE)
            },
            model,
            model_digest,
            show,
        })
    }

    fn job(
        &self,
        instrumented: &Path,
        profile_dir: &Path,
        counting: Counting,
    ) -> Result<Job, TrainingFailure> {
        let lineup = Lineup::new(&[INSTRUMENTED.to_owned()], false)?;
        lineup.fits(&self.plan)?;
        let path = whole(instrumented)?;
        let sha256 = build::file_sha256(&path).map_err(TrainError::Program)?;
        let binary = Binary {
            path,
            sha256,
            needs: Vec::new(),
        };
        let builds = prepare::Builds {
            binaries: BTreeMap::from([(INSTRUMENTED.to_owned(), binary)]),
            records: Vec::new(),
            labels: Vec::new(),
        };
        let run = RunId::new(unix_ms(), entropy());
        let blocks = schedule::blocks(&self.plan, &lineup);
        let job = prepare::job(
            run,
            self.plan.clone(),
            blocks,
            builds,
            self.model.clone(),
            Attempt(1),
            self.plan.slots,
        );
        let profile_dir = whole(profile_dir)?;
        let pattern = profile_pattern(&profile_dir).display().to_string();
        Ok(Job {
            // A lost worker would lose its profile, so the whole training is started again instead.
            script: Script {
                flush: counting == Counting::Runtime,
                max_attempts: 1,
                ..job.script
            },
            env: vec![("LLVM_PROFILE_FILE".to_owned(), pattern)],
            instrumented: counting == Counting::Runtime,
            ..job
        })
    }
}

impl Trainer for PlanTrainer<'_> {
    fn digest(&self) -> String {
        let text = format!(
            "{}\n{}",
            self.plan.without_places().to_json(),
            self.model_digest
        );
        build::sha256(text.as_bytes()).to_string()
    }

    fn train(
        &mut self,
        instrumented: &Path,
        profile_dir: &Path,
        counting: Counting,
    ) -> Result<TrainingReport, TrainingFailure> {
        let job = self.job(instrumented, profile_dir, counting)?;
        let trials: usize = job.script.blocks.iter().map(|block| block.turns()).sum();
        let workers = u32::try_from(trials).unwrap_or(u32::MAX) * self.plan.slots;
        let lease = self.plan.timeouts.lease;
        let target = FleetTarget::this_host(self.plan.slots, lease);
        let journal = Arc::new(Discard::default());
        let ending = on_fleet(job, &target, journal.clone(), self.show)?;
        if ending.state() != RunState::Complete {
            return Err(TrainError::Unfinished {
                reason: ending.reason,
            }
            .into());
        }
        let requests = journal.failures();
        if requests > 0 {
            return Err(TrainError::FailedRequests { requests }.into());
        }
        Ok(TrainingReport {
            workers,
            plan: self.plan.name.clone(),
            plan_digest: self.digest(),
        })
    }
}

fn whole(path: &Path) -> Result<PathBuf, TrainError> {
    path.canonicalize().map_err(|source| TrainError::NotFound {
        path: path.to_owned(),
        source,
    })
}

/// Cheap identity of a model: names, sizes and times of its files, and the bytes at both ends of
/// each. A changed model trains anew; hashing all of it would take longer than many builds.
fn model_identity(model: &str) -> String {
    let path = Path::new(model);
    let entries = std::fs::read_dir(path).map(|dir| dir.flatten().map(|e| e.path()).collect());
    let mut files: Vec<PathBuf> = entries.unwrap_or_else(|_| vec![path.to_owned()]);
    files.sort();
    files
        .iter()
        .map(|file| file_identity(file))
        .collect::<Vec<_>>()
        .join(",")
}

fn file_identity(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().display();
    // Directories have no bytes, and the worker refuses a model that cannot be read.
    facts(path).map_or_else(
        |_| format!("{name}:unread"),
        |facts| format!("{name}:{facts}"),
    )
}

fn facts(path: &Path) -> io::Result<String> {
    let mut file = contract::files::open(path)?;
    let meta = file.metadata()?;
    let modified = meta
        .modified()?
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos();
    let mut ends = Vec::new();
    file.by_ref().take(END).read_to_end(&mut ends)?;
    file.seek(SeekFrom::Start(meta.len().saturating_sub(END)))?;
    file.take(END).read_to_end(&mut ends)?;
    Ok(format!(
        "{}:{modified}:{}",
        meta.len(),
        build::sha256(&ends)
    ))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_model_is_known_by_its_times_and_the_bytes_at_both_ends() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("weights");
        let write = |bytes: &[u8], second: u64| {
            std::fs::write(&path, bytes).expect("file");
            let file = std::fs::File::options()
                .write(true)
                .open(&path)
                .expect("file");
            file.set_modified(UNIX_EPOCH + Duration::from_secs(second))
                .expect("time");
            model_identity(dir.path().to_str().expect("text"))
        };
        let mut bytes = vec![0; 3 * END as usize];
        let first = write(&bytes, 1);
        assert_eq!(write(&bytes, 1), first, "the same model");
        assert_ne!(write(&bytes, 2), first, "another time");
        for end in [0, bytes.len() - 1] {
            bytes[end] = 1;
            assert_ne!(write(&bytes, 1), first, "another byte at {end}");
            bytes[end] = 0;
        }
    }
}
