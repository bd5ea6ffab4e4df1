//! Index rows for tests.

use contract::id::RunId;
use contract::identity::Sha256;
use contract::run::{RunEnd, RunState};

use crate::store::{EndSummary, RunSummary};

/// A complete, VALID run of a plan, created at that time, with that verdict.
pub(super) fn run(unix_ms: u64, plan: &str, found: &str) -> RunSummary {
    let end = EndSummary::of(&RunEnd {
        unix_ms: unix_ms + 60_000,
        state: RunState::Complete,
        validity: "VALID".into(),
        summary_json: format!(r#"{{"cells":[{{"scenario":"s","verdict":"{found}"}}]}}"#),
        reason: String::new(),
    });
    RunSummary {
        run: RunId::new(unix_ms, [7; 10]),
        plan: plan.into(),
        plan_digest: Sha256::default(),
        variants: vec!["baseline".into(), "pgo".into()],
        hosts: vec!["h".into()],
        cpu_models: vec!["Intel(R) Xeon(R)".into()],
        slots: 1,
        simulated: true,
        model_digest: String::new(),
        labels: Vec::new(),
        blocks: 5,
        parts: 15,
        requests: 1_500,
        end: Some(end),
        tags: Vec::new(),
        note: String::new(),
        expected: String::new(),
        sequence: None,
    }
}
