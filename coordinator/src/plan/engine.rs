//! Which engine answers the requests, and everything that differs by its kind: each kind has a file
//! of its own, and whoever plans, prepares or orders a run asks here. Must not know runs.

use std::path::Path;

use contract::id::Arm;
use contract::spec::{EngineSpec, Protocol};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::check::Ledger;
use super::overrides::Overrides;
use super::{LinkedPlan, NativePlan, Plan, ServerPlan, SimPlan};

/// What answers the requests.
#[derive(Clone, Debug, PartialEq)]
pub enum EnginePlan {
    /// The engine linked into the worker.
    Native(NativePlan),
    /// A seeded model of an engine; variants are labels.
    Sim(SimPlan),
    /// An engine that the measured program links.
    Linked(LinkedPlan),
    /// A program of its own, reached over a protocol.
    Server(Protocol, ServerPlan),
}

/// Which engine, without its options.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EngineKind {
    /// The engine linked into the worker.
    #[default]
    Native,
    /// A seeded model of an engine.
    Sim,
    /// An engine that the measured program links.
    Linked,
    /// A program of its own.
    Server(Protocol),
}

/// What variants are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VariantsAre {
    /// Builds of the measured program.
    Builds,
    /// Names of what the plan says of each.
    Names,
}

/// Where the model lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelPlace<'a> {
    /// There is none.
    Nowhere,
    /// The engine's own affair: what it is told.
    AsTold(&'a str),
    /// To be found, at this place if one is given.
    ToFind(Option<&'a str>),
}

/// The tables of a plan's file, one a kind of engine.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tables {
    pub(super) native: Option<NativePlan>,
    pub(super) sim: Option<SimPlan>,
    pub(super) linked: Option<LinkedPlan>,
    pub(super) server: Option<ServerPlan>,
}

impl Tables {
    /// The one that counts for this kind.
    pub(super) fn engine(self, kind: EngineKind) -> EnginePlan {
        match kind {
            EngineKind::Native => EnginePlan::Native(self.native.unwrap_or_default()),
            EngineKind::Sim => EnginePlan::Sim(self.sim.unwrap_or_default()),
            EngineKind::Linked => EnginePlan::Linked(self.linked.unwrap_or_default()),
            EngineKind::Server(protocol) => {
                EnginePlan::Server(protocol, self.server.unwrap_or_default())
            }
        }
    }

    /// The table of this engine alone.
    pub(super) fn of(engine: &EnginePlan) -> Self {
        let mut tables = Self::default();
        match engine.clone() {
            EnginePlan::Native(of) => tables.native = Some(of),
            EnginePlan::Sim(of) => tables.sim = Some(of),
            EnginePlan::Linked(of) => tables.linked = Some(of),
            EnginePlan::Server(_, of) => tables.server = Some(of),
        }
        tables
    }

    /// As flags change them.
    pub(super) fn with(mut self, kind: EngineKind, flags: &Overrides) -> Self {
        let native = self.native.clone().unwrap_or_default();
        let changed = native.clone().with(flags);
        if changed != native {
            self.native = Some(changed);
        }
        match kind {
            EngineKind::Linked => self.linked = Some(self.linked.unwrap_or_default().with(flags)),
            EngineKind::Server(_) => {
                self.server = Some(self.server.unwrap_or_default().with(flags))
            }
            EngineKind::Native | EngineKind::Sim => {}
        }
        self
    }
}

impl EnginePlan {
    /// Which engine.
    #[must_use]
    pub fn kind(&self) -> EngineKind {
        match self {
            Self::Native(_) => EngineKind::Native,
            Self::Sim(_) => EngineKind::Sim,
            Self::Linked(_) => EngineKind::Linked,
            Self::Server(protocol, _) => EngineKind::Server(*protocol),
        }
    }

    /// Notes what makes no sense in its table.
    pub(super) fn check(&self, plan: &Plan, ledger: &mut Ledger) {
        match self {
            Self::Native(native) => native.check(plan, ledger),
            Self::Sim(sim) => sim.check(ledger),
            Self::Linked(linked) => ledger.range("linked.threads", linked.threads, 0, 1024),
            Self::Server(protocol, server) => server.check(*protocol, plan, ledger),
        }
    }

    /// What its variants are.
    #[must_use]
    pub fn variants_are(&self) -> VariantsAre {
        match self {
            Self::Native(_) | Self::Linked(_) => VariantsAre::Builds,
            Self::Sim(_) | Self::Server(..) => VariantsAre::Names,
        }
    }

    /// The variants that the plan itself names, baseline first; none where anything can be one.
    #[must_use]
    pub fn variants(&self) -> Vec<&str> {
        match self {
            Self::Server(_, server) => server.names().collect(),
            _ => Vec::new(),
        }
    }

    /// Whether service times come from a model of an engine.
    #[must_use]
    pub fn is_simulated(&self) -> bool {
        matches!(self, Self::Sim(_))
    }

    /// What a reader must see beside every number.
    #[must_use]
    pub fn label(&self) -> Option<String> {
        match self {
            Self::Native(native) => native.label(),
            Self::Server(_, server) => server.label(),
            Self::Sim(_) | Self::Linked(_) => None,
        }
    }

    /// What a worker is told, with the model as its host sees it. Threads left open stay so: only
    /// the worker knows which cores it may use.
    #[must_use]
    pub fn spec(&self, model: &str, variant: &str, arm: Arm) -> EngineSpec {
        match self {
            Self::Native(native) => EngineSpec::Native(native.spec(model, arm)),
            Self::Linked(linked) => EngineSpec::Linked(linked.spec()),
            Self::Sim(sim) => EngineSpec::Sim(sim.params(variant).spec()),
            Self::Server(protocol, server) => {
                EngineSpec::Server(server.spec(*protocol, model, variant))
            }
        }
    }

    /// Where its model lies.
    #[must_use]
    pub fn model(&self) -> ModelPlace<'_> {
        match self {
            Self::Native(native) => ModelPlace::ToFind(native.model.as_deref()),
            Self::Linked(linked) => ModelPlace::AsTold(linked.model().unwrap_or_default()),
            Self::Server(_, server) => {
                ModelPlace::AsTold(server.model.as_deref().unwrap_or_default())
            }
            Self::Sim(_) => ModelPlace::Nowhere,
        }
    }

    /// Whether every host's agent is to hash all of the model before anything is measured.
    #[must_use]
    pub fn verifies_model(&self) -> bool {
        matches!(self, Self::Native(native) if native.verifies())
    }

    /// Whether it keeps its threads on processors of their own.
    #[must_use]
    pub fn pins(&self) -> bool {
        matches!(self, Self::Native(native) if native.pin)
    }

    /// Relative paths count from here.
    pub(super) fn place(&mut self, place: &Path) {
        if let Self::Server(_, server) = self {
            server.place(place);
        }
    }

    /// Forgets where anything lies whose content is known otherwise.
    pub(super) fn forget_places(&mut self) {
        match self {
            Self::Native(native) => native.model = None,
            Self::Server(_, server) => server.forget_places(),
            Self::Sim(_) | Self::Linked(_) => {}
        }
    }
}

impl EngineKind {
    /// All.
    pub const ALL: [Self; 3 + Protocol::ALL.len()] = {
        let mut all = [Self::Native; 3 + Protocol::ALL.len()];
        (all[1], all[2]) = (Self::Sim, Self::Linked);
        let mut at = 0;
        while at < Protocol::ALL.len() {
            all[3 + at] = Self::Server(Protocol::ALL[at]);
            at += 1;
        }
        all
    };

    const NAMES: [&'static str; Self::ALL.len()] = {
        let mut names = [""; Self::ALL.len()];
        let mut at = 0;
        while at < names.len() {
            names[at] = Self::ALL[at].name();
            at += 1;
        }
        names
    };

    /// The name in plans and flags.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::Sim => "sim",
            Self::Linked => "linked",
            Self::Server(protocol) => protocol.name(),
        }
    }

    /// What it is, for lists of engines.
    #[must_use]
    pub const fn help(self) -> &'static str {
        match self {
            Self::Native => "The inference engine of this project",
            Self::Linked => "An engine of your own, linked into the program that was built",
            Self::Sim => {
                "A simulation of an engine: nothing needs to be built, variants are labels"
            }
            Self::Server(protocol) => protocol.help(),
        }
    }

    /// Flags that concern it, by the names of their keys, of those that do not concern all.
    pub(super) const fn flags(self) -> &'static [&'static str] {
        match self {
            Self::Native => &["model", "threads", "handicap", "verify-model"],
            Self::Linked | Self::Server(_) => &["model", "threads"],
            Self::Sim => &[],
        }
    }
}

impl Serialize for EngineKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for EngineKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let found = Self::ALL.into_iter().find(|kind| kind.name() == name);
        found.ok_or_else(|| serde::de::Error::unknown_variant(&name, &Self::NAMES))
    }
}
