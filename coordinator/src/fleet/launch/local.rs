//! One agent as a child on this host. It lives as long as its standard input stays open, so it ends
//! with the coordinator, however the coordinator ends.

use std::time::Duration;

use tokio::process::Command;

use super::child::Leashed;
use super::{AgentSettings, LaunchError, Launched, Lost, Task};

/// A running agent.
#[derive(Debug)]
pub(super) struct Local(Leashed);

impl Local {
    pub(super) fn start(settings: &AgentSettings) -> Result<Self, LaunchError> {
        let path = settings.program.clone();
        if !path.is_file() {
            return Err(LaunchError::NoProgram { path });
        }
        let mut command = Command::new(path);
        command.args(settings.arguments(Some("local")));
        Ok(Self(Leashed::start(command, &settings.secrets, false)?))
    }
}

impl Launched for Local {
    fn lost(&mut self) -> Task<'_, Lost> {
        Box::pin(async {
            Lost {
                host: "this host".to_owned(),
                exit: self.0.ended().await,
            }
        })
    }

    fn stop(self: Box<Self>, grace: Duration) -> Task<'static, ()> {
        Box::pin(self.0.stop(grace))
    }
}
