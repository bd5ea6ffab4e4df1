//! Output for people, programs and scripts, for runs with known results.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "interpreter/mod.rs"]
mod interpreter;
#[path = "report/parts.rs"]
mod parts;
#[path = "report/processor_time.rs"]
mod processor_time;
#[path = "report/sample.rs"]
mod sample;

#[path = "report/across.rs"]
mod across;
#[path = "report/documents.rs"]
mod documents;
#[path = "report/elsewhere.rs"]
mod elsewhere;
#[path = "report/explain.rs"]
mod explain;
#[path = "report/exports.rs"]
mod exports;
#[path = "report/full.rs"]
mod full;
#[path = "report/gate.rs"]
mod gate;
#[path = "report/held.rs"]
mod held;
#[path = "report/hostile.rs"]
mod hostile;
#[path = "report/layouts.rs"]
mod layouts;
#[path = "report/lengths.rs"]
mod lengths;
#[path = "report/listings.rs"]
mod listings;
#[path = "report/losses.rs"]
mod losses;
#[path = "report/origin.rs"]
mod origin;
#[path = "report/pages.rs"]
mod pages;
#[path = "report/people.rs"]
mod people;
#[path = "report/scripts.rs"]
mod scripts;
#[path = "report/servers.rs"]
mod servers;
