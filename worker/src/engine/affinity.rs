//! The processors of the engine's threads and of the load's thread: all that this process may use,
//! or, if pinned, separate ones. The engine's threads inherit the processors of the thread that
//! starts them, which then moves to its own. It must not know what the threads do.

use contract::message::{Failure, FailureKind};

use crate::os;

/// The processors of both, while the engine's threads are being started.
pub(super) struct CpuAffinity {
    engine: Vec<u32>,
    /// Processors to which the calling thread moves afterwards; `None` without pinning.
    load: Option<Vec<u32>>,
}

impl CpuAffinity {
    /// Moves the calling thread to the engine's processors if `pin` is set.
    ///
    /// # Errors
    /// When other slots share the host, when there are fewer processors than threads, or when the
    /// system refuses.
    pub(super) fn take(pin: bool, threads: usize, slots: u32) -> Result<Self, Failure> {
        if !pin {
            return Ok(Self {
                engine: os::processors(),
                load: None,
            });
        }
        let allowed = os::process_processors();
        let places = Self::divided(&allowed, threads, slots).map_err(|reason| refused(&reason))?;
        places.go(&places.engine)?;
        Ok(places)
    }

    /// Moves the calling thread to the load's processors, and returns the engine's.
    ///
    /// # Errors
    /// When the system refuses.
    pub(super) fn leave(self) -> Result<Vec<u32>, Failure> {
        if let Some(load) = &self.load {
            self.go(load)?;
        }
        Ok(self.engine)
    }

    /// The engine gets the first processors, one for each thread. The load gets the others, or all
    /// if none is left; the record then shows that they share.
    fn divided(allowed: &[u32], threads: usize, slots: u32) -> Result<Self, String> {
        if slots > 1 {
            return Err(format!("{slots} slots share this host"));
        }
        if allowed.len() < threads {
            return Err(format!(
                "there are {} processors for {threads} engine threads",
                allowed.len()
            ));
        }
        let (engine, rest) = allowed.split_at(threads);
        let load = if rest.is_empty() { allowed } else { rest };
        Ok(Self {
            engine: engine.to_vec(),
            load: Some(load.to_vec()),
        })
    }

    fn go(&self, processors: &[u32]) -> Result<(), Failure> {
        match os::keep_on(processors) {
            true => Ok(()),
            false => Err(refused("the system refuses")),
        }
    }
}

fn refused(reason: &str) -> Failure {
    let message = format!(
        "failed to pin threads to their own processors: {reason}; leave `pin` out of the plan's [native], \
         or use fewer threads or one slot a host"
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
    fn the_load_gets_what_the_engine_leaves_or_shares_all() {
        let divided = |threads| {
            CpuAffinity::divided(&[1, 3, 4], threads, 1).map(|p| (p.engine, p.load.unwrap()))
        };
        assert_eq!(divided(2), Ok((vec![1, 3], vec![4])));
        assert_eq!(divided(3), Ok((vec![1, 3, 4], vec![1, 3, 4])));
        assert!(divided(4).unwrap_err().contains("3 processors for 4"));
        assert!(
            CpuAffinity::divided(&[0, 1], 1, 2)
                .err()
                .is_some_and(|reason| reason.contains("2 slots"))
        );
    }

    #[test]
    fn nothing_moves_unless_it_is_asked_for() {
        let before = os::processors();
        let places = CpuAffinity::take(false, 1000, 7).expect("nothing to refuse");
        assert_eq!(
            (places.leave().expect("stays"), os::processors()),
            (before.clone(), before)
        );
    }

    #[test]
    fn the_engine_s_threads_stay_where_they_were_started() {
        let run = std::thread::spawn(|| {
            let places = CpuAffinity::take(true, 1, 1).expect("one processor at least");
            let engine = std::thread::spawn(os::processors).join().expect("a list");
            (places.leave().expect("goes"), engine, os::processors())
        });
        let (told, engine, load) = run.join().expect("ran");
        assert_eq!((&told, told.len()), (&engine, 1));
        assert!(load.len() == 1 || load != engine, "{load:?}");
    }
}
