//! Who is compared with whom. Owns the rule that the first variant is the baseline and that a comparison of a build
//! with itself must be asked for by name; must not know builds.

use crate::plan::{EnginePlan, Plan, SimPlan, nearest};

/// The baseline and its candidates. Without candidates nothing is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lineup {
    baseline: String,
    candidates: Vec<String>,
}

/// Completes "failed to …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineupError {
    /// Nothing to run.
    #[error("choose variants: none is given, try --variants baseline,pgo")]
    Empty,
    /// A build against itself, unasked.
    #[error(
        "choose variants: `{name}` is given twice; to compare a build with itself give it once with --a-a"
    )]
    Twice {
        /// The variant.
        name: String,
    },
    /// A/A of several.
    #[error("choose variants: --a-a compares one build with itself, but {count} are given")]
    ManyForAa {
        /// Given.
        count: usize,
    },
    /// A duet of one.
    #[error("choose variants: duet runs two builds at the same time, and `{name}` is alone")]
    Alone {
        /// The variant.
        name: String,
    },
    /// A name that the plan's sim tables use for something else.
    #[error("choose variants: `all` is what the plan calls the parameters of every simulated variant")]
    Reserved,
    /// The plan has parameters for a variant that does not run.
    #[error("choose variants: the plan's [sim.{name}] belongs to none of {variants}{}", hint(.nearest))]
    Unmatched {
        /// The table's name.
        name: String,
        /// The variants of the run.
        variants: String,
        /// The most similar of them.
        nearest: Option<String>,
    },
}

impl Lineup {
    /// The first of `variants` is the baseline, the others are candidates; with `a_a` the only one is both.
    pub fn new(variants: &[String], a_a: bool) -> Result<Self, LineupError> {
        let (baseline, rest) = variants.split_first().ok_or(LineupError::Empty)?;
        if a_a && !rest.is_empty() {
            return Err(LineupError::ManyForAa { count: variants.len() });
        }
        let twice = variants.iter().enumerate().find(|(index, name)| variants[..*index].contains(name));
        if let Some((_, name)) = twice {
            return Err(LineupError::Twice { name: name.clone() });
        }
        let candidates = if a_a { vec![baseline.clone()] } else { rest.to_vec() };
        Ok(Self { baseline: baseline.clone(), candidates })
    }

    /// Refuses a duet of one, and sim parameters that would go unused, most likely misspelt.
    pub fn fits(&self, plan: &Plan) -> Result<(), LineupError> {
        if plan.duet && self.candidates.is_empty() {
            return Err(LineupError::Alone { name: self.baseline.clone() });
        }
        let EnginePlan::Sim(sim) = &plan.engine else { return Ok(()) };
        if self.variants().contains(&SimPlan::ALL) {
            return Err(LineupError::Reserved);
        }
        let variants = self.variants();
        sim.variants().find(|name| !variants.contains(name)).map_or(Ok(()), |name| {
            let nearest = nearest(name, variants.iter().copied()).map(str::to_owned);
            Err(LineupError::Unmatched { name: name.to_owned(), variants: variants.join(", "), nearest })
        })
    }

    /// The variant of arms A and A2.
    #[must_use]
    pub fn baseline(&self) -> &str {
        &self.baseline
    }

    /// The variants that take turns as arm B.
    #[must_use]
    pub fn candidates(&self) -> &[String] {
        &self.candidates
    }

    /// Every variant once, baseline first.
    #[must_use]
    pub fn variants(&self) -> Vec<&str> {
        let others = self.candidates.iter().filter(|name| **name != self.baseline);
        std::iter::once(&self.baseline).chain(others).map(String::as_str).collect()
    }

    /// Whether a build is compared with itself.
    #[must_use]
    pub fn is_a_a(&self) -> bool {
        self.candidates.contains(&self.baseline)
    }
}

fn hint(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or_else(String::new, |name| format!(", did you mean [sim.{name}]?"))
}
