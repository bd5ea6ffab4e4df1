//! The index of runs: one small row for each run, enough to list, filter and find it without
//! reading its records. Rows are derived from the records, except for the user's tags and notes.
//! JSON whose absent fields have defaults, so that it can grow. Owns the row; must not know the
//! database.

use contract::id::RunId;
use contract::identity::{HostFacts, Sha256};
use contract::run::{BlockDone, RunEnd, RunHeader, RunState};
use serde::{Deserialize, Serialize};
use stats::validity::Standing;

use super::digest::SetHash;
use super::error::Damage;

/// The fields of a run that listings show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSummary {
    /// The run; its id contains the creation time.
    pub run: RunId,
    /// Name of the plan; empty if it has none.
    pub plan: String,
    /// SHA-256 of the plan.
    pub plan_digest: Sha256,
    /// Names of the variants, baseline first.
    pub variants: Vec<String>,
    /// Names of the hosts.
    pub hosts: Vec<String>,
    /// Their processor models, each once, sorted.
    pub cpu_models: Vec<String>,
    /// Slots over the whole fleet.
    pub slots: u32,
    /// Whether service times came from a model.
    pub simulated: bool,
    /// Digest of the model's files.
    pub model_digest: String,
    /// Labels that must be shown beside every number.
    pub labels: Vec<String>,
    /// Blocks done.
    pub blocks: u64,
    /// Accepted parts.
    pub parts: u64,
    /// Requests planned in all completed blocks.
    pub requests: u64,
    /// How it ended; `None` during the run, and after a crash until it is resumed.
    pub end: Option<EndSummary>,
    /// The user's tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The user's latest remark.
    #[serde(default)]
    pub note: String,
    /// Why a new level was expected to begin with it; empty if none was.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub expected: String,
    /// Position in the storage order of this store; `None` for runs stored before positions
    /// existed, which come first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
}

/// The fields of a run's end that listings show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndSummary {
    /// Wall clock, milliseconds since 1970.
    pub unix_ms: u64,
    /// `complete`, `stopped` or `failed`.
    pub state: String,
    /// VALID, INCONCLUSIVE or INVALID.
    pub validity: String,
    /// Why it did not complete, if it did not.
    pub reason: String,
    /// Host class, if the end has it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub host_class: String,
    /// Verdicts of its comparisons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verdicts: Vec<String>,
    /// The whole summary, which older programs copied into the row and which made listings slow. It
    /// is kept unchanged because rows are hashed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    summary_json: String,
}

/// The fields of a run's summary that listings filter by.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Summary {
    cells: Vec<SummaryCell>,
    history: SummaryHistory,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SummaryCell {
    verdict: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct SummaryHistory {
    host_class: String,
}

impl EndSummary {
    /// Whether the run as a whole can be trusted; `None` for a value that this version does not
    /// know.
    #[must_use]
    pub fn standing(&self) -> Option<Standing> {
        Standing::from_name(&self.validity)
    }

    /// The fields that a listing needs.
    #[must_use]
    pub fn of(end: &RunEnd) -> Self {
        let mut row = Self {
            unix_ms: end.unix_ms,
            state: end.state.name().to_owned(),
            validity: end.validity.clone(),
            reason: end.reason.clone(),
            host_class: String::new(),
            verdicts: Vec::new(),
            summary_json: String::new(),
        };
        row.digest(&end.summary_json);
        row
    }

    /// Fills in fields that older rows have only in the summary.
    fn spelt_out(mut self) -> Self {
        let summary = std::mem::take(&mut self.summary_json);
        if !summary.is_empty() {
            self.digest(&summary);
        }
        self
    }

    fn digest(&mut self, summary_json: &str) {
        let summary: Summary = serde_json::from_str(summary_json).unwrap_or_default();
        self.host_class = summary.history.host_class;
        let verdicts = summary.cells.into_iter().map(|cell| cell.verdict);
        self.verdicts = verdicts.filter(|verdict| !verdict.is_empty()).collect();
    }
}

/// One row: the summary, and the data by which the store checks the run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Row {
    pub(super) summary: RunSummary,
    /// Committed records: header, blocks, accepted parts, notices, end.
    pub(super) records: u64,
    /// Number of notices so far, which is the number of the next.
    pub(super) notices: u64,
    /// Hash of the committed records under their keys.
    pub(super) content: SetHash,
    /// Tally of the addenda. Omitted if there are none, so that rows of older programs keep their
    /// bytes.
    #[serde(default, skip_serializing_if = "AddendaTally::is_empty")]
    pub(super) addenda: AddendaTally,
}

/// Tally of the addenda of a run, which its content hash does not cover.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct AddendaTally {
    /// Number of annotations and calibrations.
    pub(super) count: u64,
    /// Their hash, under their keys.
    pub(super) hash: SetHash,
}

impl RunSummary {
    /// For readers: rows of older programs in the current form.
    pub(super) fn spelt_out(mut self) -> Self {
        self.end = self.end.map(EndSummary::spelt_out);
        self
    }

    /// Sort key of runs, oldest first: the order in which they were stored. A wrong wall clock does
    /// not affect it.
    #[must_use]
    pub fn place(&self) -> (Option<u64>, RunId) {
        (self.sequence, self.run)
    }

    /// How it ended; `None` during the run, after a crash, and for a state that this version does
    /// not know.
    #[must_use]
    pub fn state(&self) -> Option<RunState> {
        self.end
            .as_ref()
            .and_then(|end| RunState::from_name(&end.state))
    }
}

impl Row {
    /// The row of a run of which nothing is committed yet, not even the header.
    pub(super) fn new(header: &RunHeader) -> Self {
        let mut cpu_models: Vec<_> = header
            .hosts
            .iter()
            .map(|(_, host)| host.cpu_model.clone())
            .collect();
        cpu_models.sort();
        cpu_models.dedup();
        let summary = RunSummary {
            run: header.run,
            plan: plan_name(&header.plan_json),
            plan_digest: header.plan_digest,
            variants: header
                .variants
                .iter()
                .map(|variant| variant.name.clone())
                .collect(),
            hosts: header
                .hosts
                .iter()
                .map(|(_, host)| host.hostname.clone())
                .collect(),
            cpu_models,
            slots: header.slots,
            simulated: header.simulated,
            model_digest: header.model_digest.clone(),
            labels: header.labels.clone(),
            blocks: 0,
            parts: 0,
            requests: 0,
            end: None,
            tags: Vec::new(),
            note: String::new(),
            expected: String::new(),
            sequence: header.sequence,
        };
        let content = SetHash::default();
        Self {
            summary,
            records: 0,
            notices: 0,
            content,
            addenda: AddendaTally::default(),
        }
    }

    /// Adds a host that got slots after the run had begun.
    pub(super) fn add_host(&mut self, host: &HostFacts) {
        self.summary.hosts.push(host.hostname.clone());
        self.summary.cpu_models.push(host.cpu_model.clone());
        self.summary.cpu_models.sort();
        self.summary.cpu_models.dedup();
    }

    /// Counts a committed record.
    pub(super) fn add(&mut self, key: &[u8], value: &[u8]) {
        self.content.toggle(key, value);
        self.records += 1;
    }

    /// Removes a committed record that was withdrawn.
    pub(super) fn take(&mut self, key: &[u8], value: &[u8]) {
        self.content.toggle(key, value);
        self.records -= 1;
    }

    /// Counts a committed block with its parts.
    pub(super) fn count_block(&mut self, block: &BlockDone, parts: u64) {
        self.summary.blocks += 1;
        self.summary.parts += parts;
        self.summary.requests += block.planned_requests;
    }

    /// Sets the run's end, or removes it.
    pub(super) fn set_end(&mut self, end: Option<&RunEnd>) {
        self.summary.end = end.map(EndSummary::of);
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a row holds only text, numbers and lists")
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, Damage> {
        serde_json::from_slice(bytes).map_err(|_| Damage::Index)
    }

    /// The sort key of a row, without decoding the rest.
    pub(super) fn place_of(bytes: &[u8]) -> Result<(Option<u64>, RunId), Damage> {
        #[derive(Deserialize)]
        struct Shown {
            summary: Place,
        }
        #[derive(Deserialize)]
        struct Place {
            run: RunId,
            #[serde(default)]
            sequence: Option<u64>,
        }
        let Shown {
            summary: Place { run, sequence },
        } = serde_json::from_slice(bytes).map_err(|_| Damage::Index)?;
        Ok((sequence, run))
    }

    /// The summary of a row, without decoding the rest.
    pub(super) fn summary_of(bytes: &[u8]) -> Result<RunSummary, Damage> {
        #[derive(Deserialize)]
        struct Shown {
            summary: RunSummary,
        }
        let shown: Shown = serde_json::from_slice(bytes).map_err(|_| Damage::Index)?;
        Ok(shown.summary.spelt_out())
    }
}

impl AddendaTally {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

fn plan_name(plan_json: &str) -> String {
    let plan: serde_json::Value = serde_json::from_str(plan_json).unwrap_or_default();
    plan["name"].as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tally hashes rows as they are written again, so one more byte would make every older
    /// store look damaged.
    #[test]
    fn rows_of_older_programs_keep_their_bytes() {
        let row = format!(
            r#"{{"summary":{{"run":"{}","plan":"p","plan_digest":"{zero}","variants":[],"hosts":[],"cpu_models":[],"slots":1,"simulated":true,"model_digest":"","labels":[],"blocks":0,"parts":0,"requests":0,"end":null,"tags":[],"note":""}},"records":1,"notices":0,"content":"{zero}"}}"#,
            RunId::new(1, [1; 10]),
            zero = "0".repeat(64)
        );
        let mut read = Row::from_bytes(row.as_bytes()).expect("it is a row");
        assert_eq!(String::from_utf8(read.to_bytes()).expect("it is text"), row);
        // Counter-check: a new field does show.
        read.summary.expected = "e".into();
        assert_ne!(String::from_utf8(read.to_bytes()).expect("it is text"), row);
    }

    #[test]
    fn an_end_of_older_programs_keeps_its_bytes_and_tells_readers_what_newer_ones_spell_out() {
        let old = r#"{"unix_ms":1,"state":"complete","validity":"VALID","reason":"","summary_json":"{\"cells\":[{\"verdict\":\"SAME\"}],\"history\":{\"host_class\":\"x/2c\"}}"}"#;
        let read: EndSummary = serde_json::from_str(old).expect("it is an end");
        assert_eq!(serde_json::to_string(&read).expect("it is text"), old);
        let read = read.spelt_out();
        assert_eq!(
            (&*read.host_class, &*read.verdicts),
            ("x/2c", &["SAME".to_owned()][..])
        );
        // Counter-check: the end written by a newer program has the fields, and nothing else of the
        // summary.
        let new = serde_json::to_string(&read).expect("it is text");
        assert!(
            new.contains(r#""host_class":"x/2c","verdicts":["SAME"]"#) && !new.contains("cells"),
            "{new}"
        );
        assert_eq!(
            serde_json::from_str::<EndSummary>(&new)
                .expect("it is an end")
                .spelt_out(),
            read
        );
    }
}
