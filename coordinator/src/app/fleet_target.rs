//! Derives the fleet target from flags. Decides nothing about measurements.

use contract::credentials::{TOKEN_VARIABLE, Token};

use super::execute::{FleetTarget, sibling_worker};
use super::serve::{ListenArgs, ListenConfig};
use crate::cli::{FleetArgs, LauncherName};
use crate::error::{AppError, ListenError};
use crate::fleet::launch::{Launcher, Slurm, Ssh};
use crate::plan::Plan;

/// Set by Slurm inside an allocation.
const ALLOCATION: &str = "SLURM_JOB_ID";

/// The hosts and agents that these flags ask for.
///
/// # Errors
/// When the address would be open without access control, a file is missing, or a flag belongs to
/// another launcher.
pub(super) fn of(args: &FleetArgs, plan: &Plan) -> Result<FleetTarget, AppError> {
    let by = || format!("`--launcher {}`", args.launcher.name());
    super::all_used(&args.unused(), by)?;
    let token = Token::from_variable(std::env::var(TOKEN_VARIABLE).ok());
    let known = token.is_some() || args.credentials.is_some();
    let launcher = match args.launcher {
        LauncherName::Local => Launcher::Local,
        LauncherName::Attach if !known => return Err(ListenError::NoToken.into()),
        LauncherName::Attach => Launcher::Attach {
            agents: args.agents.unwrap_or(1),
        },
        LauncherName::Slurm => Launcher::Slurm(Slurm {
            agents: args.agents.unwrap_or(1),
            arguments: args.slurm_args.clone(),
            inside: std::env::var_os(ALLOCATION).is_some(),
        }),
        LauncherName::Ssh => Launcher::Ssh(Ssh {
            hosts: args.hosts.clone(),
            config: args.ssh_config.clone(),
            dial_back: None,
        }),
    };
    let door = ListenConfig::new(&ListenArgs {
        listen: args.listen,
        advertise: args.advertise.as_deref(),
        credentials: args.credentials.as_deref(),
        token,
        insecure: args.insecure,
    })?;
    Ok(FleetTarget {
        launcher,
        door,
        program: args.worker_path.clone().unwrap_or_else(sibling_worker),
        slots: plan.slots,
        lease: plan.timeouts.lease,
    })
}
