//! The hosts: [`launch`] starts agents and never talks to them, [`session`] talks to agents and
//! workers and never starts anything, [`clock`] knows how their clocks relate to ours.

pub mod clock;
pub mod launch;
pub mod session;
