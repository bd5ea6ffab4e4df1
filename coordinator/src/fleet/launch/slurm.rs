//! Agents started by Slurm. Outside an allocation: one array job with an element for each agent,
//! placed when and where Slurm decides. Inside an allocation: one step with a task on each node.
//! `--no-requeue` prevents a second start, because a restarted agent would be a different one.
//!
//! ```text
//! queued ─(Slurm has room)→ running ─(told to leave, or by its lease)→ gone
//!    └──────────(cancelled | node failed | script failed)→ lost
//! ```

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use contract::message::Exit;
use serde::Deserialize;
use tokio::process::Command;
use tokio::time::sleep;

use super::child::Leashed;
use super::{AgentSettings, LaunchError, Launched, Lost, Task};

/// Interval between polls of the queue.
const LOOK: Duration = Duration::from_secs(2);

/// Settings of the Slurm launcher.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Slurm {
    /// Number of agents.
    pub agents: u32,
    /// More arguments for `sbatch` or `srun`: partition, account, exclusive use.
    pub arguments: Vec<String>,
    /// Whether this process runs inside an allocation.
    pub inside: bool,
}

/// An array job.
struct Job {
    id: String,
    /// Consecutive polls that did not show the job. One may be too early or too late.
    unseen: u32,
}

/// A step of the allocation.
struct SrunStep(Leashed);

impl Slurm {
    pub(super) fn start(&self, settings: &AgentSettings) -> Result<Box<dyn Launched>, LaunchError> {
        if self.inside {
            self.step(settings)
        } else {
            self.submit(settings)
        }
    }

    /// `srun` passes standard input, and its end, to every task.
    fn step(&self, settings: &AgentSettings) -> Result<Box<dyn Launched>, LaunchError> {
        let mut command = Command::new("srun");
        let count = self.agents.to_string();
        command.args([
            "--overlap",
            "--nodes",
            &count,
            "--ntasks",
            &count,
            "--ntasks-per-node=1",
        ]);
        // A task that ends must not end the others.
        command
            .args([
                "--kill-on-bad-exit=0",
                "--no-kill",
                "--input=all",
                "--quiet",
            ])
            .args(&self.arguments);
        command
            .arg(&settings.program)
            .args(settings.arguments(None));
        Ok(Box::new(SrunStep(Leashed::start(
            command,
            &settings.secrets,
            true,
        )?)))
    }

    fn submit(&self, settings: &AgentSettings) -> Result<Box<dyn Launched>, LaunchError> {
        let path = PathBuf::from("sbatch");
        let mut command = std::process::Command::new(&path);
        let array = format!("--array=0-{}", self.agents.saturating_sub(1));
        command.args([
            &array,
            "--no-requeue",
            "--parsable",
            "--nodes=1",
            "--ntasks=1",
        ]);
        command.args([
            "--job-name=pgo-benchmarks",
            "--output=/dev/null",
            "--error=/dev/null",
        ]);
        let variables = settings.secrets.environment();
        let names: Vec<&str> = variables
            .iter()
            .map(|(name, _)| name.as_str())
            .chain(["PATH", "HOME"])
            .collect();
        command
            .arg(format!("--export={}", names.join(",")))
            .args(&self.arguments);
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        let words = std::iter::once(settings.program.display().to_string()).chain(settings.words());
        let line: Vec<String> = words.map(|word| contract::shell::quoted(&word)).collect();
        let name = "\"$(hostname -s)-${SLURM_ARRAY_TASK_ID:-0}\"";
        let script = format!("#!/bin/sh\nexec {} --name {name}\n", line.join(" "));
        let spawn = |source| LaunchError::Spawn {
            path: path.clone(),
            source,
        };
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(spawn)?;
        let mut stdin = child.stdin.take().expect("it is piped");
        std::io::Write::write_all(&mut stdin, script.as_bytes()).map_err(spawn)?;
        drop(stdin);
        let output = child.wait_with_output().map_err(spawn)?;
        if !output.status.success() {
            let message = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(LaunchError::Batch { message });
        }
        // Output format: `JOB` or `JOB;CLUSTER`.
        let text = String::from_utf8_lossy(&output.stdout);
        let id = text.trim().split(';').next().unwrap_or_default().to_owned();
        Ok(Box::new(Job { id, unseen: 0 }))
    }
}

/// The fields of `squeue --json` that are used.
#[derive(Deserialize)]
struct Queue {
    jobs: Vec<Element>,
}

/// One element of an array job. Older versions of Slurm write a state as a string and a number as a
/// number; newer ones write a list of strings and an object.
#[derive(Deserialize)]
struct Element {
    job_state: serde_json::Value,
    #[serde(default)]
    job_id: serde_json::Value,
    #[serde(default)]
    array_job_id: serde_json::Value,
    #[serde(default)]
    nodes: Option<String>,
}

impl Element {
    /// Whether the element belongs to this job.
    fn is_of(&self, job: &str) -> bool {
        let number =
            |value: &serde_json::Value| value.as_u64().or_else(|| value.get("number")?.as_u64());
        let wanted = job.parse().ok();
        wanted.is_some()
            && [&self.array_job_id, &self.job_id]
                .into_iter()
                .any(|id| number(id) == wanted)
    }

    /// The state of an element that ended unasked.
    fn bad_end(&self) -> Option<String> {
        let word = match &self.job_state {
            serde_json::Value::Array(words) => words.first().and_then(|word| word.as_str()),
            word => word.as_str(),
        };
        let bad = [
            "FAILED",
            "NODE_FAIL",
            "CANCELLED",
            "TIMEOUT",
            "PREEMPTED",
            "OUT_OF_MEMORY",
            "BOOT_FAIL",
            "DEADLINE",
        ];
        word.filter(|word| bad.contains(word)).map(str::to_owned)
    }
}

impl Job {
    async fn look(&self) -> Option<Vec<Element>> {
        let mut command = Command::new("squeue");
        command
            .args(["--json", "--jobs", &self.id])
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = command.output().await.ok()?;
        let mut jobs = serde_json::from_slice::<Queue>(&output.stdout).ok()?.jobs;
        // `squeue --json` of Slurm 22.05 ignores the job filter and shows every job.
        jobs.retain(|job| job.is_of(&self.id));
        Some(jobs)
    }

    async fn watch(&mut self) -> Lost {
        loop {
            sleep(LOOK).await;
            let Some(elements) = self.look().await else {
                continue;
            };
            self.unseen = if elements.is_empty() {
                self.unseen + 1
            } else {
                0
            };
            let bad = elements
                .iter()
                .find_map(|element| Some((element, element.bad_end()?)));
            if let Some((element, word)) = bad {
                let host = element.nodes.clone().filter(|nodes| !nodes.is_empty());
                let tail = format!("Slurm's job {} is {word}", self.id);
                let host = host.unwrap_or_else(|| "a Slurm node".to_owned());
                return Lost {
                    host,
                    exit: Exit {
                        tail,
                        ..Exit::default()
                    },
                };
            }
            if self.unseen > 2 {
                let tail = format!("Slurm's job {} is no longer in the queue", self.id);
                return Lost {
                    host: "a Slurm node".to_owned(),
                    exit: Exit {
                        tail,
                        ..Exit::default()
                    },
                };
            }
        }
    }
}

impl Launched for Job {
    fn lost(&mut self) -> Task<'_, Lost> {
        Box::pin(self.watch())
    }

    /// The agents have been told to leave. Cancels what is left of the job, including elements that
    /// have not begun.
    fn stop(self: Box<Self>, grace: Duration) -> Task<'static, ()> {
        Box::pin(async move {
            let gone = async {
                while self
                    .look()
                    .await
                    .is_none_or(|elements| elements.iter().any(|e| e.is_running()))
                {
                    sleep(LOOK / 10).await;
                }
            };
            // Running agents leave by themselves; queued ones need not begin.
            drop(tokio::time::timeout(grace.min(LOOK), gone).await);
            let mut command = Command::new("scancel");
            drop(
                command
                    .arg(&self.id)
                    .stdin(Stdio::null())
                    .stderr(Stdio::null())
                    .status()
                    .await,
            );
        })
    }
}

impl Element {
    fn is_running(&self) -> bool {
        self.job_state.to_string().contains("RUNNING")
    }
}

impl Launched for SrunStep {
    fn lost(&mut self) -> Task<'_, Lost> {
        Box::pin(async {
            Lost {
                host: "this allocation".to_owned(),
                exit: self.0.ended().await,
            }
        })
    }

    fn stop(self: Box<Self>, grace: Duration) -> Task<'static, ()> {
        Box::pin(self.0.stop(grace))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(state: &str) -> Element {
        serde_json::from_str(&format!(
            "{{\"job_state\": {state}, \"nodes\": \"n1\", \"other\": 1}}"
        ))
        .expect("JSON")
    }

    #[test]
    fn another_job_is_none_of_ours_whatever_became_of_it() {
        let of = |ids: &str, job| {
            let text = format!("{{\"job_state\": \"CANCELLED\", {ids}}}");
            serde_json::from_str::<Element>(&text)
                .expect("JSON")
                .is_of(job)
        };
        let older = r#""job_id": 6, "array_job_id": 4"#;
        let newer = r#""job_id": 6, "array_job_id": {"set": true, "infinite": false, "number": 4}"#;
        for ids in [older, newer] {
            assert!(of(ids, "4") && of(ids, "6"), "{ids}");
            assert!(!of(ids, "1") && !of(ids, "") && !of(ids, "0"), "{ids}");
        }
        assert!(
            !of(r#""job_id": 6, "array_job_id": 0"#, "4"),
            "a job that is no array"
        );
    }

    #[test]
    fn states_of_older_and_newer_slurms_are_understood() {
        for bad in [
            "\"NODE_FAIL\"",
            "[\"CANCELLED\"]",
            "[\"FAILED\", \"COMPLETING\"]",
        ] {
            assert!(element(bad).bad_end().is_some(), "{bad}");
        }
        for fine in [
            "\"RUNNING\"",
            "[\"PENDING\"]",
            "\"COMPLETED\"",
            "\"COMPLETING\"",
        ] {
            assert_eq!(element(fine).bad_end(), None, "{fine}");
        }
        assert!(element("[\"RUNNING\"]").is_running() && !element("\"PENDING\"").is_running());
    }
}
