//! Which builds are compared. Owns the rules that the first variant is the baseline, that a
//! comparison of a build with itself must be requested explicitly, and that layouts of the baseline
//! are controls and not candidates; must not know builds.

use crate::layout::{self, Layout};
use crate::plan::{EnginePlan, Plan, SimPlan, nearest};

/// The baseline and its candidates. Without candidates nothing is compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lineup {
    baseline: String,
    candidates: Vec<String>,
}

/// Why the variants cannot be compared. Completes "failed to …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LineupError {
    /// No variant was given.
    #[error("choose variants: none is given; try --variants baseline,pgo")]
    Empty,
    /// A build against itself without `--a-a`.
    #[error(
        "choose variants: `{name}` is given twice; to compare a build with itself give it once with --a-a"
    )]
    Twice {
        /// The variant.
        name: String,
    },
    /// A/A with several variants.
    #[error("choose variants: --a-a compares one build with itself, but {count} are given")]
    ManyForAa {
        /// Number of variants given.
        count: usize,
    },
    /// A duet with a single variant.
    #[error("choose variants: duet runs two builds at the same time, but only `{name}` is given")]
    Alone {
        /// The variant.
        name: String,
    },
    /// A single layout, which has no spread.
    #[error("choose variants: one layout has no SD; give --layout-arms 2 or more")]
    OneLayout,
    /// Layouts without their baseline.
    #[error(
        "choose variants: layouts are builds of `baseline`, which must come first and not `{first}`; \
         optimised builds have no layouts, because shuffling undoes the order of hot and cold functions \
         that a profile makes"
    )]
    LayoutsOfOther {
        /// The first variant.
        first: String,
    },
    /// A name of the form of a layout's, which would be taken for a candidate.
    #[error(
        "choose variants: there is no layout `{name}`, they are `baseline-layout1` to `baseline-layout8`"
    )]
    NoSuchLayout {
        /// The name.
        name: String,
    },
    /// A name that the plan's sim tables reserve.
    #[error(
        "choose variants: `all` is what the plan calls the parameters of every simulated variant"
    )]
    Reserved,
    /// The plan names its variants, and this is not one of them.
    #[error("choose variants: the plan has no [[server.variant]] `{name}`{}; it has {known}", did_you_mean(.nearest))]
    NotInPlan {
        /// The variant.
        name: String,
        /// The variants of the plan.
        known: String,
        /// The most similar of them.
        nearest: Option<String>,
    },
    /// The plan has parameters for a variant that is not run.
    #[error("choose variants: the plan's [sim.{name}] matches none of {variants}{}", hint(.nearest))]
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
    /// The first of `variants` is the baseline, the others are candidates; with `a_a` the only one
    /// is both.
    pub fn new(variants: &[String], a_a: bool) -> Result<Self, LineupError> {
        let (baseline, rest) = variants.split_first().ok_or(LineupError::Empty)?;
        if a_a && !rest.is_empty() {
            return Err(LineupError::ManyForAa {
                count: variants.len(),
            });
        }
        let twice = variants
            .iter()
            .enumerate()
            .find(|(index, name)| variants[..*index].contains(name));
        if let Some((_, name)) = twice {
            return Err(LineupError::Twice { name: name.clone() });
        }
        let candidates = if a_a {
            vec![baseline.clone()]
        } else {
            rest.to_vec()
        };
        Ok(Self {
            baseline: baseline.clone(),
            candidates,
        })
    }

    /// Refuses layouts that cannot serve as a control; checked when a run begins.
    pub fn has_sound_layouts(&self) -> Result<(), LineupError> {
        if let Some(name) = self
            .variants()
            .into_iter()
            .find(|name| Layout::is_misnamed(name))
        {
            return Err(LineupError::NoSuchLayout {
                name: name.to_owned(),
            });
        }
        let is_layout = |name: &&str| Layout::named(name).is_some();
        let candidates = self.candidates.iter().map(String::as_str);
        let layouts: Vec<&str> = candidates.filter(is_layout).collect();
        match layouts.len() {
            0 if !is_layout(&self.baseline.as_str()) => Ok(()),
            _ if !layout::are_of(&self.baseline, &layouts) => Err(LineupError::LayoutsOfOther {
                first: self.baseline.clone(),
            }),
            1 => Err(LineupError::OneLayout),
            _ => Ok(()),
        }
    }

    /// Refuses a duet of a single variant, and sim parameters that would be unused, which are most
    /// likely misspelt.
    pub fn fits(&self, plan: &Plan) -> Result<(), LineupError> {
        if plan.duet && self.candidates.is_empty() {
            return Err(LineupError::Alone {
                name: self.baseline.clone(),
            });
        }
        let known = plan.engine.variants();
        let unknown = self
            .variants()
            .into_iter()
            .find(|name| !known.contains(name));
        if let (false, Some(name)) = (known.is_empty(), unknown) {
            return Err(LineupError::NotInPlan {
                name: name.to_owned(),
                nearest: nearest(name, known.iter().copied()).map(str::to_owned),
                known: known.join(", "),
            });
        }
        let EnginePlan::Sim(sim) = &plan.engine else {
            return Ok(());
        };
        if self.variants().contains(&SimPlan::ALL) {
            return Err(LineupError::Reserved);
        }
        let variants = self.variants();
        sim.variants()
            .find(|name| !variants.contains(name))
            .map_or(Ok(()), |name| {
                let nearest = nearest(name, variants.iter().copied()).map(str::to_owned);
                Err(LineupError::Unmatched {
                    name: name.to_owned(),
                    variants: variants.join(", "),
                    nearest,
                })
            })
    }

    /// The variant of arms A and A2.
    #[must_use]
    pub fn baseline(&self) -> &str {
        &self.baseline
    }

    /// The variants that take arm B in turn, including layouts of the baseline.
    #[must_use]
    pub fn candidates(&self) -> &[String] {
        &self.candidates
    }

    /// Every variant once, baseline first.
    #[must_use]
    pub fn variants(&self) -> Vec<&str> {
        let others = self
            .candidates
            .iter()
            .filter(|name| **name != self.baseline);
        std::iter::once(&self.baseline)
            .chain(others)
            .map(String::as_str)
            .collect()
    }

    /// Whether a build is compared with itself.
    #[must_use]
    pub fn is_a_a(&self) -> bool {
        self.candidates.contains(&self.baseline)
    }
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest
        .as_ref()
        .map_or_else(String::new, |name| format!(", did you mean `{name}`?"))
}

fn hint(nearest: &Option<String>) -> String {
    nearest
        .as_ref()
        .map_or_else(String::new, |name| format!(", did you mean [sim.{name}]?"))
}
