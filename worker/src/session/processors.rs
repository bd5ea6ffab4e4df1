//! Dedicated processors: if workers are measured at the same time, a host's processors are divided
//! among its slots, core by core, so that no two share one. Owns the division; must not know what
//! runs on the other slots.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::thread::available_parallelism;

use contract::message::{Failure, FailureKind};
use contract::spec::EngineSpec;

use crate::os;

/// Processors of a worker.
#[derive(Clone, Debug)]
pub(super) enum Processors {
    /// Shared with the host's other slots.
    Shared,
    /// Dedicated, with this many engine threads if the plan leaves them open.
    Own { threads: u32 },
    /// There are too few to divide, or the system refuses.
    Refused(Failure),
}

impl Processors {
    /// Pins the calling thread, and every thread it starts from now on, to this slot's processors.
    pub(super) fn take(slot: u32, slots: u32) -> Self {
        // Includes quotas, which the list of processors does not.
        let cores = available_parallelism().map_or(1, NonZero::get);
        let own = match divided(&cores_of(&os::process_processors()), slot, slots) {
            Ok(own) => own,
            Err(reason) => return Self::Refused(refused(&reason)),
        };
        if !os::keep_on(&own) {
            return Self::Refused(refused("the system refuses"));
        }
        let share = (cores / slots.max(1) as usize).max(1);
        Self::Own {
            threads: u32::try_from(share.min(own.len())).unwrap_or(1),
        }
    }

    /// The engine spec adapted to these processors.
    ///
    /// # Errors
    /// When there are no processors for it.
    pub(super) fn fitted(&self, mut engine: EngineSpec) -> Result<EngineSpec, Failure> {
        if let Self::Refused(failure) = self {
            return Err(failure.clone());
        }
        if let (Self::Own { threads: own }, Some(threads @ 0)) = (self, engine.threads_mut()) {
            *threads = *own;
        }
        Ok(engine)
    }
}

/// The processors of each core, in the order of packages and cores, because neighbours share more.
fn cores_of(processors: &[u32]) -> Vec<Vec<u32>> {
    let mut cores: BTreeMap<(u32, u32), Vec<u32>> = BTreeMap::new();
    for &processor in processors {
        let fact = |name: &str| {
            let path = format!("/sys/devices/system/cpu/cpu{processor}/topology/{name}");
            std::fs::read_to_string(path).ok()?.trim().parse().ok()
        };
        // If the system does not say, every processor is a core.
        let core = (
            fact("physical_package_id").unwrap_or(0),
            fact("core_id").unwrap_or(processor),
        );
        cores.entry(core).or_default().push(processor);
    }
    cores.into_values().collect()
}

/// The same number of whole cores for every slot; the remainder stays idle, so that no slot has
/// more than another.
fn divided(cores: &[Vec<u32>], slot: u32, slots: u32) -> Result<Vec<u32>, String> {
    let each = cores.len() / slots.max(1) as usize;
    if each == 0 {
        return Err(format!(
            "this host lets them use {} for {slots} workers",
            cores.len()
        ));
    }
    Ok(cores
        .iter()
        .skip(slot as usize * each)
        .take(each)
        .flatten()
        .copied()
        .collect())
}

fn refused(reason: &str) -> Failure {
    let message = format!(
        "failed to pin workers to their own processor cores: {reason}; use a host with more cores, lower \
         --slots, or let the arms alternate (leave out duet)"
    );
    Failure {
        kind: FailureKind::BadAssignment,
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_have_equally_many_whole_cores_and_none_in_common() {
        let cores = [vec![0, 4], vec![1, 5], vec![2, 6], vec![3, 7], vec![8, 9]];
        let of = |slot| divided(&cores, slot, 2).expect("enough");
        assert_eq!(
            (of(0), of(1)),
            (vec![0, 4, 1, 5], vec![2, 6, 3, 7]),
            "the fifth is left over"
        );
        assert!(
            divided(&cores, 0, 6)
                .expect_err("too few")
                .contains("5 for 6 workers")
        );
    }

    #[test]
    fn siblings_are_one_core() {
        let all = os::process_processors();
        let cores = cores_of(&all);
        assert_eq!(cores.iter().flatten().count(), all.len());
        assert!(!cores.is_empty());
    }

    #[test]
    fn threads_that_the_plan_leaves_open_are_the_slot_s_own() {
        // On a separate thread, so that the test's other threads are not pinned.
        let run = std::thread::spawn(|| (Processors::take(0, 1), Processors::take(0, 100_000)));
        let (own, none) = run.join().expect("ran");
        let sim = EngineSpec::Sim(contract::spec::SimSpec::default());
        assert!(matches!(own, Processors::Own { threads: 1.. }));
        assert_eq!(own.fitted(sim.clone()), Ok(sim.clone()));
        let failure = none.fitted(sim).expect_err("refused");
        assert!(
            failure.message.contains("leave out duet"),
            "{}",
            failure.message
        );
    }
}
