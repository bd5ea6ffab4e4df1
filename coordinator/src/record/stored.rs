//! What the parts of a recorded run must be, derived from its header: the same rules as for an
//! arriving part, as far as the record has the assignment. Must not know where the records are
//! stored.

use contract::identity::Sha256;
use contract::part::vet::{self, Age, Assigned, Load, PartFault};
use contract::part::{Part, PartKey};
use contract::run::{RunHeader, VariantRecord};
use contract::spec::{Scenario, Share};

use crate::plan::Plan;
use crate::schedule;

/// A run's header, used to check its parts.
#[derive(Debug)]
pub struct Stored<'a> {
    header: &'a RunHeader,
    /// `None` if the plan is of an incompatible version: no conclusion is drawn from such a run,
    /// and its parts are checked only for consistency.
    plan: Option<Plan>,
}

impl<'a> Stored<'a> {
    /// From the run's header.
    #[must_use]
    pub fn of(header: &'a RunHeader) -> Self {
        let plan = Plan::from_json(&header.plan_json)
            .ok()
            .filter(|plan| !plan.scenarios.is_empty());
        Self { header, plan }
    }

    /// Checks whether a part can belong to this run.
    ///
    /// # Errors
    /// The first fault found.
    pub fn vet(&self, part: &Part) -> Result<(), PartFault> {
        let place = PartKey {
            run: self.header.run,
            ..part.place.clone()
        };
        let plan = self.plan.as_ref();
        let variant = match plan {
            Some(plan) => self.variant(plan, part)?,
            None => self
                .header
                .variants
                .iter()
                .find(|variant| variant.name == part.origin.variant),
        };
        let Some(variant) = variant else {
            let found = format!("`{}`", part.origin.variant.escape_debug());
            return Err(PartFault::Origin {
                found,
                expected: "a variant of this run".to_owned(),
            });
        };
        let load = plan.map(|plan| self.load(plan, part)).transpose()?;
        vet::assigned(
            part,
            &Assigned {
                place: &place,
                variant: &variant.name,
                exe_sha256: Some(variant.sha256).filter(|sha| *sha != Sha256::default()),
                instrumented: false,
                load: load.map(|(scenario, share)| Load { scenario, share }),
                model_digest: Some(self.header.model_digest.as_str())
                    .filter(|digest| !digest.is_empty()),
                threads: None,
                processors: self.processors(&part.origin.hostname),
                age: Age::Any,
            },
        )
    }

    /// The variant of the part's arm: the first is the baseline, and a single one is also the
    /// candidate.
    fn variant(&self, plan: &Plan, part: &Part) -> Result<Option<&'a VariantRecord>, PartFault> {
        let variants = &self.header.variants;
        let key = part.place.key;
        let candidates = variants.len().saturating_sub(1).max(1);
        let cells = (plan.scenarios.len() * candidates) as u64;
        below("place.cell", key.cell, cells)?;
        below(
            "place.round",
            key.round,
            u64::from(plan.rounds) * u64::from(plan.windows),
        )?;
        below("place.slot", part.place.slot, self.header.slots.into())?;
        let (_, candidate) = schedule::of_cell(plan, key.cell);
        let alone = variants.len() < 2 || key.arm.is_baseline();
        Ok(variants.get(if alone { 0 } else { candidate + 1 }))
    }

    fn load<'p>(&self, plan: &'p Plan, part: &Part) -> Result<(&'p Scenario, Share), PartFault> {
        let (scenario, _) = schedule::of_cell(plan, part.place.key.cell);
        let share = schedule::share(plan.duet, part.place.slot, self.header.slots);
        below("place.slot", share.index, share.of.into())?;
        Ok((&plan.scenarios[scenario], share))
    }

    /// Processors of the host with this name; the greatest number if several have it.
    fn processors(&self, hostname: &str) -> Option<u32> {
        let named = self
            .header
            .hosts
            .iter()
            .filter(|(_, host)| host.hostname == hostname);
        named.map(|(_, host)| host.cores).max()
    }
}

fn below(field: &'static str, found: u32, bound: u64) -> Result<(), PartFault> {
    if u64::from(found) < bound {
        return Ok(());
    }
    let (found, most) = (found.into(), bound.saturating_sub(1).into());
    Err(PartFault::Range {
        field,
        found,
        least: 0,
        most,
        by: "the plan",
    })
}
