//! Jobs and schedules as records of the store: JSON with a version, each under a key of its own. Must
//! not know when they change.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{AppError, ServeError};
use crate::serve::{Change, Job, Schedule};
use crate::store::{DeskChange, Store};

/// The version written now. Fields are only added; a reader takes what an older writer lacks from
/// the defaults.
const VERSION: u32 = 1;
/// Key of the number of starts.
const BOOTS: &str = "boots";
const JOBS: &str = "job/";
const SCHEDULES: &str = "schedule/";

#[derive(Serialize, Deserialize)]
struct Record<T> {
    version: u32,
    record: T,
}

/// What the store has of a server.
pub(super) struct Records {
    pub(super) jobs: Vec<Job>,
    pub(super) schedules: Vec<Schedule>,
    /// Number of this start, different from all earlier ones.
    pub(super) boot: u64,
}

/// Reads all records, and makes the number of this start durable.
pub(super) fn begin(store: &Store) -> Result<Records, AppError> {
    let boots: Vec<u64> = read(store, BOOTS)?;
    let boot = boots.first().copied().unwrap_or(0) + 1;
    let records = Records {
        jobs: read(store, JOBS)?,
        schedules: read(store, SCHEDULES)?,
        boot,
    };
    store.write_desk(&[(BOOTS.to_owned(), Some(sealed(&boot)))])?;
    Ok(records)
}

/// Makes changes durable, all or none.
pub(super) fn write(store: &Store, changes: &[Change]) -> Result<(), AppError> {
    let changes: Vec<DeskChange> = changes.iter().map(record).collect();
    Ok(store.write_desk(&changes)?)
}

fn record(change: &Change) -> DeskChange {
    // Padded, so that keys sort by number.
    let of_job = |id: u64| format!("{JOBS}{id:020}");
    match change {
        Change::Job(job) => (of_job(job.id.0), Some(sealed(job))),
        Change::NoJob(id) => (of_job(id.0), None),
        Change::Schedule(schedule) => (
            format!("{SCHEDULES}{}", schedule.name),
            Some(sealed(schedule)),
        ),
        Change::NoSchedule(name) => (format!("{SCHEDULES}{name}"), None),
    }
}

fn sealed(record: &impl Serialize) -> Vec<u8> {
    let record = Record {
        version: VERSION,
        record,
    };
    serde_json::to_vec(&record).expect("records hold text, numbers and lists")
}

fn read<T: DeserializeOwned>(store: &Store, prefix: &str) -> Result<Vec<T>, AppError> {
    let open = |(key, bytes): (String, Vec<u8>)| opened(&key, &bytes);
    let records = store.read_desk(prefix)?.into_iter().map(open);
    Ok(records.collect::<Result<_, ServeError>>()?)
}

fn opened<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, ServeError> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    let unknown = |_| ServeError::Record {
        key: key.to_owned(),
    };
    let Version { version } = serde_json::from_slice(bytes).map_err(unknown)?;
    if version > VERSION {
        return Err(ServeError::Newer {
            key: key.to_owned(),
            version,
        });
    }
    let record: Record<T> = serde_json::from_slice(bytes).map_err(unknown)?;
    Ok(record.record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_of_a_newer_program_is_refused_and_a_torn_one_named() {
        let read = |text: &str| opened::<u64>("boots", text.as_bytes());
        assert_eq!(read(r#"{"version":1,"record":7}"#).unwrap(), 7);
        let newer = read(r#"{"version":2,"record":{"all":"new"}}"#).unwrap_err();
        assert!(newer.to_string().contains("newer program"), "{newer}");
        for torn in [
            "",
            "{}",
            r#"{"version":1}"#,
            r#"{"version":1,"record":"x"}"#,
        ] {
            let error = read(torn).unwrap_err();
            assert!(error.to_string().contains("boots"), "{error}");
        }
    }
}
