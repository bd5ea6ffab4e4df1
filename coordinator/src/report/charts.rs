//! Charts for the page: what each shows, with its figures as a table below. They derive nothing;
//! their data come from [`compare::pictures`](crate::compare::pictures).

pub(crate) mod capacity;
mod chart;
pub(crate) mod cold;
pub(crate) mod curves;
pub(crate) mod forest;
pub(crate) mod inside;
pub(crate) mod ladder;
mod mark;
pub(crate) mod multiples;
mod scale;
pub(crate) mod scene;
pub(crate) mod service;
pub(crate) mod strip;
pub(crate) mod trials;
