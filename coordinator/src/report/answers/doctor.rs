//! Output of `doctor`: what the machine has and lacks, and how to install it.

use std::io;

use serde_json::{Value, json};

use crate::doctor::{Check, State};
use crate::report::Answer;
use crate::report::phrases::words::count;
use crate::report::render::json::Json;
use crate::report::render::text::Page;

/// The checks of the machine.
pub struct Checks<'a>(pub &'a [Check]);

impl Answer for Checks<'_> {
    fn text(&self, page: &mut Page) {
        for check in self.0 {
            let word = match check.state {
                State::Found => "found",
                State::Missing => "missing",
                State::Warning => "note",
            };
            page.entry(
                &format!("{word:\u{a0}<8}{}", check.name),
                &check.detail,
                0,
                23,
            );
            if let Some(remedy) = &check.remedy {
                page.sentence(&format!("→ {remedy}"), 23, 25);
            }
        }
        let of = |state| self.0.iter().filter(|check| check.state == state).count() as u64;
        page.gap();
        page.line(&match (of(State::Missing), of(State::Warning)) {
            (0, 0) => "Nothing is missing.".to_owned(),
            (0, notes) => format!("{}, see above. Nothing is missing.", count(notes, "note")),
            (missing, _) => format!("{} missing.", count(missing, "prerequisite")),
        });
    }

    fn json(&self, to: &mut Json<'_>) -> io::Result<()> {
        to.answer("checks", self.0.iter().map(document).collect::<Vec<_>>())
    }

    fn quiet(&self) -> Vec<String> {
        let missing = self.0.iter().filter(|check| check.state == State::Missing);
        missing.map(|check| check.name.to_owned()).collect()
    }
}

fn document(check: &Check) -> Value {
    let state = match check.state {
        State::Found => "found",
        State::Missing => "missing",
        State::Warning => "warning",
    };
    json!({ "name": check.name, "state": state, "detail": check.detail, "remedy": check.remedy })
}
