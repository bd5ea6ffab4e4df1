//! The engine that answers the requests, and everything that depends on its kind. Each kind has its
//! own file; code that plans, prepares or starts a run asks here. Must not know runs.

use std::path::Path;

use contract::id::Arm;
use contract::spec::{EngineSpec, Protocol};

use super::kind::EngineKind;
use super::ledger::Ledger;
use super::overrides::Overrides;
use super::{LinkedPlan, NativePlan, Need, Plan, ServerPlan, SimPlan};

/// What answers the requests.
#[derive(Clone, Debug, PartialEq)]
pub enum EnginePlan {
    /// The engine linked into the worker.
    Native(NativePlan),
    /// A seeded model of an engine; variants are labels.
    Sim(SimPlan),
    /// An engine that the measured program links.
    Linked(LinkedPlan),
    /// A separate program, reached over a protocol.
    Server(Protocol, Box<ServerPlan>),
}

/// The meaning of variants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VariantsAre {
    /// Builds of the measured program.
    Builds,
    /// Names from the plan, which describes each.
    Names,
}

/// Location of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelPlace<'a> {
    /// There is no model.
    Nowhere,
    /// Passed to the engine unchanged.
    AsTold(&'a str),
    /// To be located, at this place if one is given.
    ToFind(Option<&'a str>),
}

/// The tables of a plan's file, one for each kind of engine.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Tables {
    pub(super) native: Option<NativePlan>,
    pub(super) sim: Option<SimPlan>,
    pub(super) linked: Option<LinkedPlan>,
    pub(super) server: Option<ServerPlan>,
}

impl Tables {
    /// The table for this kind.
    pub(super) fn engine(self, kind: EngineKind) -> EnginePlan {
        match kind {
            EngineKind::Native => EnginePlan::Native(self.native.unwrap_or_default()),
            EngineKind::Sim => EnginePlan::Sim(self.sim.unwrap_or_default()),
            EngineKind::Linked => EnginePlan::Linked(self.linked.unwrap_or_default()),
            EngineKind::Server(protocol) => {
                EnginePlan::Server(protocol, Box::new(self.server.unwrap_or_default()))
            }
        }
    }

    /// Only the table of this engine.
    pub(super) fn of(engine: &EnginePlan) -> Self {
        let mut tables = Self::default();
        match engine.clone() {
            EnginePlan::Native(of) => tables.native = Some(of),
            EnginePlan::Sim(of) => tables.sim = Some(of),
            EnginePlan::Linked(of) => tables.linked = Some(of),
            EnginePlan::Server(_, of) => tables.server = Some(*of),
        }
        tables
    }

    /// The tables after the changes by flags.
    pub(super) fn with(mut self, kind: EngineKind, flags: &Overrides) -> Self {
        let native = self.native.clone().unwrap_or_default();
        let changed = native.clone().with(flags);
        if changed != native {
            self.native = Some(changed);
        }
        match kind {
            EngineKind::Linked => self.linked = Some(self.linked.unwrap_or_default().with(flags)),
            EngineKind::Server(_) => {
                self.server = Some(self.server.unwrap_or_default().with(flags));
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

    /// Adds the errors in its table to the ledger.
    pub(super) fn check(&self, plan: &Plan, ledger: &mut Ledger) {
        match self {
            Self::Native(native) => native.check(plan, ledger),
            Self::Sim(sim) => sim.check(ledger),
            Self::Linked(linked) => ledger.range("linked.threads", linked.threads, 0, 1024),
            Self::Server(protocol, server) => server.check(*protocol, plan, ledger),
        }
    }

    /// The meaning of its variants.
    #[must_use]
    pub fn variants_are(&self) -> VariantsAre {
        match self {
            Self::Native(_) | Self::Linked(_) => VariantsAre::Builds,
            Self::Sim(_) | Self::Server(..) => VariantsAre::Names,
        }
    }

    /// The variants that the plan itself names, baseline first; empty if it does not restrict them.
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

    /// The form that is sent to a worker, with the model as its host sees it. A thread count of
    /// zero stays zero: only the worker knows which cores it may use.
    #[must_use]
    pub fn spec(&self, model: &str, variant: &str, arm: Arm) -> EngineSpec {
        match self {
            Self::Native(native) => EngineSpec::Native(native.spec(model, arm)),
            Self::Linked(linked) => EngineSpec::Linked(linked.spec()),
            Self::Sim(sim) => EngineSpec::Sim(sim.params(variant).spec()),
            Self::Server(protocol, server) => {
                EngineSpec::Server(Box::new(server.spec(*protocol, model, variant)))
            }
        }
    }

    /// Location of its model.
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

    /// What must exist on a worker's host besides programs, builds and a model to be found.
    #[must_use]
    pub fn needs(&self) -> Vec<Need> {
        match self {
            Self::Server(_, server) => server.needs(),
            Self::Native(_) | Self::Sim(_) | Self::Linked(_) => Vec::new(),
        }
    }

    /// Whether every host's agent is to hash all of the model before anything is measured.
    #[must_use]
    pub fn verifies_model(&self) -> bool {
        matches!(self, Self::Native(native) if native.verifies())
    }

    /// Whether it pins its threads to separate processors.
    #[must_use]
    pub fn pins(&self) -> bool {
        matches!(self, Self::Native(native) if native.pin)
    }

    /// Sets the directory to which relative paths refer.
    pub(super) fn place(&mut self, place: &Path) {
        if let Self::Server(_, server) = self {
            server.place(place);
        }
    }

    /// Removes locations of contents that are identified in another way.
    pub(super) fn forget_places(&mut self) {
        match self {
            Self::Native(native) => native.model = None,
            Self::Server(_, server) => server.forget_places(),
            Self::Sim(_) | Self::Linked(_) => {}
        }
    }
}
