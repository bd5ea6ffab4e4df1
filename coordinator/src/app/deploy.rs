//! Manifests for other schedulers, made from files and flags.

use contract::credentials::{Credentials, Token};

use super::{App, ExitCode};
use crate::cli::KubernetesArgs;
use crate::deploy::kubernetes::{Agents, manifests};
use crate::error::{AppError, exit};

pub(super) fn kubernetes(app: &mut App<'_>, args: &KubernetesArgs) -> Result<ExitCode, AppError> {
    let text = manifests(&Agents {
        namespace: args.namespace.clone(),
        image: args.image.clone(),
        coordinator: args.coordinator.clone(),
        count: args.agents,
        slots: args.slots,
        cpus: args.cpus,
        memory: args.memory.clone(),
        model_claim: args.model_claim.clone(),
        token: Token::read(&args.credentials)?,
        credentials: Credentials::read(&args.credentials)?,
    })?;
    app.reporter.line(text.trim_end())?;
    Ok(exit::OK)
}
