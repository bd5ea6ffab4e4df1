//! The store through its public interface: whole runs, interrupted runs, export files, crashes,
//! damage, a full device.
#![expect(clippy::unwrap_used, reason = "tests")]

#[path = "honest/mod.rs"]
mod honest;
#[path = "store/sample.rs"]
mod sample;

#[path = "store/addenda.rs"]
mod addenda;
#[path = "store/archives.rs"]
mod archives;
#[path = "store/beside.rs"]
mod beside;
#[path = "store/crash.rs"]
mod crash;
#[path = "store/damage.rs"]
mod damage;
#[path = "store/desk.rs"]
mod desk;
#[path = "store/faults.rs"]
mod faults;
#[path = "store/full.rs"]
mod full;
#[path = "store/hostile.rs"]
mod hostile;
#[path = "store/housekeeping.rs"]
mod housekeeping;
#[path = "store/imports.rs"]
mod imports;
#[path = "store/order.rs"]
mod order;
#[path = "store/places.rs"]
mod places;
#[path = "store/power.rs"]
mod power;
#[path = "store/rebuilds.rs"]
mod rebuilds;
#[path = "store/runs.rs"]
mod runs;
#[path = "store/versions.rs"]
mod versions;
#[path = "store/vetting.rs"]
mod vetting;
