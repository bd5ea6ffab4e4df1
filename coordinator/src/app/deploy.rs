//! Texts for other schedulers, from files and flags.

use std::path::Path;

use super::{App, Verdict};
use crate::cli::KubernetesArgs;
use crate::deploy::kubernetes::{Agents, Credentials, manifests};
use crate::error::{AppError, exit};

pub(super) fn kubernetes(app: &mut App<'_>, args: &KubernetesArgs) -> Result<Verdict, AppError> {
    let credentials = Credentials {
        token: read(&args.token_file)?.trim_end().to_owned(),
        ca: read(&args.certs.join("ca.pem"))?,
        certificate: read(&args.certs.join("agent.pem"))?,
        key: read(&args.certs.join("agent-key.pem"))?,
    };
    let text = manifests(&Agents {
        namespace: args.namespace.clone(),
        image: args.image.clone(),
        coordinator: args.coordinator.clone(),
        count: args.agents,
        slots: args.slots,
        cpus: args.cpus,
        memory: args.memory.clone(),
        model_claim: args.model_claim.clone(),
        credentials,
    })?;
    app.reporter.line(text.trim_end())?;
    Ok(exit::OK)
}

fn read(path: &Path) -> Result<String, AppError> {
    std::fs::read_to_string(path).map_err(|source| AppError::Io { path: path.to_owned(), source })
}
