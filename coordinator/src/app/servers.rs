//! Servers on this host: identifies each variant's command, and checks that no two are the same.

use std::collections::BTreeMap;

use contract::command;
use contract::id::Arm;
use contract::identity::Sha256;
use contract::run::VariantRecord;
use contract::spec::{EngineSpec, Reach};

use crate::error::AppError;
use crate::plan::Plan;

/// The record of a server variant, and its label.
///
/// # Errors
/// When there is no such program.
pub(super) fn record(
    record: VariantRecord,
    reach: &Reach,
) -> Result<(VariantRecord, Option<String>), AppError> {
    let path = std::env::var_os("PATH");
    let found = command::identify(reach, path.as_deref()).map_err(|source| AppError::Server {
        variant: record.name.clone(),
        source,
    })?;
    let label = found.is_script.then(|| {
        let name = found.program.file_name().unwrap_or_default();
        format!(
            "{} is a script: the program that it runs is not identified",
            name.display()
        )
    });
    let record = VariantRecord {
        command: match reach {
            Reach::Command(command) => command.shown(),
            Reach::Url(url) => url.clone(),
        },
        identity: found.identity,
        program_sha256: found.program_sha256,
        ..record
    };
    Ok((record, label))
}

/// The servers of a plan's variants on this host, or why one cannot be used; empty for other
/// engines.
#[must_use]
pub(super) fn here(plan: &Plan) -> Vec<Result<VariantRecord, AppError>> {
    let of = |name: &str| -> Option<Result<VariantRecord, AppError>> {
        let EngineSpec::Server(server) = plan.engine.spec("", name, Arm::A) else {
            return None;
        };
        let named = VariantRecord {
            name: name.to_owned(),
            ..VariantRecord::default()
        };
        Some(record(named, &server.reach).map(|(record, _)| record))
    };
    let mut all: Vec<_> = plan.engine.variants().into_iter().filter_map(of).collect();
    let sound: Vec<VariantRecord> = all.iter().flatten().cloned().collect();
    all.extend(differ(&sound).err().map(Err));
    all
}

/// Refuses two variants that are the same.
///
/// # Errors
/// When two are.
pub(super) fn differ(records: &[VariantRecord]) -> Result<(), AppError> {
    let mut seen: BTreeMap<Sha256, &VariantRecord> = BTreeMap::new();
    let servers = records.iter().filter(|record| record.is_server());
    for record in servers {
        if let Some(first) = seen.insert(record.identity, record) {
            return Err(AppError::SameServer {
                variants: [first.name.clone(), record.name.clone()],
                command: record.command.clone(),
            });
        }
    }
    Ok(())
}

/// The identities that workers must find, by variant.
pub(super) fn identities(records: &[VariantRecord]) -> BTreeMap<String, Sha256> {
    let servers = records.iter().filter(|record| record.is_server());
    servers
        .map(|record| (record.name.clone(), record.identity))
        .collect()
}
