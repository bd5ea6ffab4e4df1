//! The tables of reports, as data: each table is made once, for every form. Must not know how a
//! table is drawn.

pub(crate) mod across;
pub(crate) mod arms;
pub(crate) mod capacity;
pub(crate) mod checks;
pub(crate) mod comparison;
pub(crate) mod layouts;
pub(crate) mod origin;
pub(crate) mod places;
pub(crate) mod queue;
pub(crate) mod runs;
pub(crate) mod table;
