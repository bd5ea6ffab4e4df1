//! The hosts: [`launch`] starts agents and never talks to them; [`session`] talks to agents and
//! workers and never starts anything; [`clock`] relates their clocks to the coordinator's.

pub mod clock;
pub mod launch;
pub mod session;
