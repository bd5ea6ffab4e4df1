//! One agent as a child on this host. It lives as long as its standard input stays open, so that it ends with the
//! coordinator however that ends.

use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use contract::message::Exit;
use tokio::process::{Child, ChildStdin, Command};

/// Why an agent could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// There is no program to start.
    #[error("find the host agent's program at {path}: build it with `cargo build --release -p worker`")]
    NoProgram {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The system refused.
    #[error("start the host agent {path}: {source}")]
    Spawn {
        /// The program.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// A running agent.
#[derive(Debug)]
pub struct LocalAgent {
    child: Child,
    /// Held apart: waiting for a child closes what it still holds of it.
    stdin: Option<ChildStdin>,
}

impl LocalAgent {
    /// Starts `worker agent` with a number of slots; the token travels in the environment, never in the arguments.
    ///
    /// # Errors
    /// When the program is not there or cannot be started.
    pub fn start(
        program: &Path,
        coordinator: SocketAddr,
        token: &str,
        slots: u32,
    ) -> Result<Self, LaunchError> {
        let path = program.to_path_buf();
        if !program.is_file() {
            return Err(LaunchError::NoProgram { path });
        }
        let mut child = Command::new(program)
            .args(["agent", "--name", "local", "--until-stdin-closes"])
            .args(["--coordinator", &format!("http://{coordinator}"), "--slots", &slots.to_string()])
            .env("PGO_BENCH_TOKEN", token)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            // The terminal's Ctrl-C is for the coordinator, which then tells its agents.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| LaunchError::Spawn { path, source })?;
        let stdin = child.stdin.take();
        Ok(Self { child, stdin })
    }

    /// Waits until it ends without having been told to. May be dropped and called again.
    pub async fn ended(&mut self) -> Exit {
        let status = self.child.wait().await;
        let (code, signal) = status.map_or((None, None), |status| (status.code(), status.signal()));
        Exit { code, signal, tail: String::new() }
    }

    /// Lets it end by itself, then insists.
    pub async fn stop(mut self, grace: Duration) {
        drop(self.stdin.take());
        if tokio::time::timeout(grace, self.child.wait()).await.is_err() {
            // It is gone or about to be; there is nobody left to tell.
            drop(self.child.kill().await);
        }
    }
}
