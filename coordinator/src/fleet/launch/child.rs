//! A child process that lives as long as its standard input stays open. Secrets go through standard
//! input as its first line, never through arguments.

use std::fs::File;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::Duration;

use contract::credentials::Secrets;
use contract::message::Exit;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStderr, ChildStdin, Command};
use tokio::task::JoinHandle;

use super::LaunchError;

/// Bytes kept of the end of a child's standard error.
const TAIL: usize = 2048;

/// A started child.
#[derive(Debug)]
pub(super) struct Leashed {
    child: Child,
    /// Kept separately, because waiting for a child closes the standard input that it still holds.
    stdin: Option<File>,
    stderr: Option<JoinHandle<String>>,
    told: bool,
}

impl Leashed {
    /// Starts the child and sends it the secrets. Its standard error is this process's own, or its
    /// end is kept for the error message.
    pub(super) fn start(
        mut command: Command,
        secrets: &Secrets,
        keep_last_words: bool,
    ) -> Result<Self, LaunchError> {
        let path = command.as_std().get_program().into();
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(if keep_last_words {
                Stdio::piped()
            } else {
                Stdio::inherit()
            })
            // The terminal's Ctrl-C must reach only the coordinator, which then tells its agents.
            .process_group(0)
            .kill_on_drop(true);
        let mut child = command
            .spawn()
            .map_err(|source| LaunchError::Spawn { path, source })?;
        let stderr = child
            .stderr
            .take()
            .map(|stderr| tokio::spawn(last_words(stderr)));
        let stdin = child
            .stdin
            .take()
            .and_then(|pipe| handed_over(pipe, secrets).ok());
        Ok(Self {
            child,
            stdin,
            stderr,
            told: false,
        })
    }

    /// Waits until the child ends unasked. May be dropped and called again. The end is reported
    /// once; later calls never complete.
    pub(super) async fn ended(&mut self) -> Exit {
        if self.told {
            return std::future::pending().await;
        }
        let status = self.child.wait().await;
        let (code, signal) = status.map_or((None, None), |status| (status.code(), status.signal()));
        let tail = match self.stderr.take() {
            Some(stderr) => stderr.await.unwrap_or_default(),
            None => String::new(),
        };
        self.told = true;
        Exit { code, signal, tail }
    }

    /// Waits for the grace period until the child has ended, then kills it.
    pub(super) async fn stop(mut self, grace: Duration) {
        drop(self.stdin.take());
        if tokio::time::timeout(grace, self.child.wait())
            .await
            .is_err()
        {
            // The child has ended or is about to; there is nobody to report an error to.
            drop(self.child.kill().await);
        }
    }
}

/// Writes the secrets into the pipe and returns it. A new pipe has room for them, so the write does
/// not block. A child that has ended by then is noticed elsewhere.
fn handed_over(pipe: ChildStdin, secrets: &Secrets) -> std::io::Result<File> {
    let mut pipe = File::from(pipe.into_owned_fd()?);
    let line = serde_json::to_string(secrets).expect("secrets are text") + "\n";
    pipe.write_all(line.as_bytes())?;
    Ok(pipe)
}

async fn last_words(mut stderr: ChildStderr) -> String {
    let mut kept = Vec::new();
    let mut buffer = [0; 1024];
    while let Ok(read @ 1..) = stderr.read(&mut buffer).await {
        kept.extend_from_slice(&buffer[..read]);
        let excess = kept.len().saturating_sub(TAIL);
        kept.drain(..excess);
    }
    String::from_utf8_lossy(&kept).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_end_is_told_once() {
        let mut command = Command::new("sh");
        command.args(["-c", "exit 7"]);
        let mut child =
            Leashed::start(command, &Secrets::default(), true).expect("there is a shell");
        assert_eq!(child.ended().await.code, Some(7));
        let again = std::future::poll_fn(|context| {
            let polled = std::pin::pin!(child.ended()).poll(context);
            std::task::Poll::Ready(polled.is_ready())
        });
        assert!(!again.await);
        child.stop(Duration::ZERO).await;
    }
}
