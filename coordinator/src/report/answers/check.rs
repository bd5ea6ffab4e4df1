//! Output of `plan check`: a plan in a few lines, then with every default written out.

use std::io;

use contract::run::VariantRecord;
use serde_json::json;

use crate::plan::{Ahead, Plan};
use crate::report::document::SCHEMA_VERSION;
use crate::report::phrases::interim::planned_interim;
use crate::report::phrases::load::{changes, offered};
use crate::report::phrases::provenance::{rounds, server as server_line};
use crate::report::phrases::words::{count, tolerance};
use crate::report::render::json::Json;
use crate::report::render::text::Page;
use crate::report::{Answer, json as documents};

/// A plan with what is known of its requests before the run.
pub struct Checked<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// Requests that its scenarios will send.
    pub ahead: &'a [Ahead],
    /// The servers of its variants on this host, or why a run on this host would refuse one; empty
    /// for other engines.
    pub servers: &'a [Result<VariantRecord, String>],
}

impl Answer for Checked<'_> {
    fn text(&self, page: &mut Page) {
        let (plan, ahead) = (self.plan, self.ahead);
        let trials = if plan.control {
            "A, B and the control A2"
        } else {
            "A and B"
        };
        page.say(&format!(
            "{} is sound: {}, arms {trials}, {}, judged by {} within ±{}.",
            plan.name,
            rounds(plan),
            count(plan.slots.into(), "slot"),
            plan.primary.name(),
            tolerance(plan.tolerance.latency)
        ));
        for (at, scenario) in plan.scenarios.iter().enumerate() {
            let ahead = ahead.get(at);
            let sent = ahead.and_then(|ahead| ahead.sent.as_ref());
            page.item(&offered(scenario, sent));
            changes(sent)
                .iter()
                .for_each(|change| page.sentence(change, 4, 4));
            for (path, survey) in ahead.map_or(&[][..], |ahead| &ahead.prompts) {
                let left_out = match survey.left_out {
                    0 => String::new(),
                    n => format!("; {n} empty ones are left out"),
                };
                let file = format!(
                    "{}: {} for measuring, {} for training and warming up{left_out}",
                    path.display(),
                    count(survey.evaluation, "prompt"),
                    survey.training
                );
                page.sentence(&file, 4, 4);
            }
        }
        for server in self.servers {
            match server {
                Ok(variant) => page.item(&server_line(variant)),
                Err(wrong) => page.item(&format!("a run on this host would be refused: {wrong}")),
            }
        }
        planned_interim(plan)
            .iter()
            .for_each(|said| page.item(said));
        page.gap();
        plan.to_toml().lines().for_each(|line| page.line(line));
    }

    fn json(&self, to: &mut Json<'_>) -> io::Result<()> {
        to.document(&json!({
            "schema_version": SCHEMA_VERSION,
            "kind": "plan",
            "plan": documents::plan(&self.plan.to_json()),
            "loads": documents::loads(self.plan, self.ahead),
        }))
    }

    fn quiet(&self) -> Vec<String> {
        vec![self.plan.name.clone()]
    }
}
