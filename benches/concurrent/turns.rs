//! The runs of one level, alternating between programs, so that drift of the machine affects all
//! alike. Criterion would measure all of one program and then all of the other. Therefore a round
//! runs every program once, in alternating order, and keeps the times that Criterion has not asked
//! for yet. Must not know Criterion.

use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

use super::program::{Demand, Program};

/// The runs of one level.
pub(crate) struct Turns<'a> {
    label: String,
    programs: &'a [Program],
    model: &'a Path,
    demand: Demand,
    /// For each program: times measured but not consumed yet.
    ready: Vec<VecDeque<Duration>>,
    rounds: usize,
}

impl<'a> Turns<'a> {
    /// Nothing is run before the first time is requested.
    pub(crate) fn new(
        label: String,
        programs: &'a [Program],
        model: &'a Path,
        demand: Demand,
    ) -> Self {
        let ready = vec![VecDeque::new(); programs.len()];
        Self {
            label,
            programs,
            model,
            demand,
            ready,
            rounds: 0,
        }
    }

    /// The next time of a program, from another round if none is left.
    ///
    /// # Panics
    /// If a run is not a measurement: continuing would show times that were not measured.
    pub(crate) fn next(&mut self, program: usize) -> Duration {
        if self.ready[program].is_empty() {
            self.round();
        }
        self.ready[program]
            .pop_front()
            .expect("a round brings a time for every program")
    }

    fn round(&mut self) {
        let count = self.programs.len();
        for turn in 0..count {
            let index = if self.rounds.is_multiple_of(2) {
                turn
            } else {
                count - 1 - turn
            };
            let program = &self.programs[index];
            match program.run(self.model, self.demand) {
                Ok(report) => {
                    eprintln!(
                        "{} round {}: {} {:.3?}",
                        self.label, self.rounds, program.name, report.wall
                    );
                    self.ready[index].push_back(report.wall);
                }
                Err(error) => panic!("❌ {} is not measured: {error}", self.label),
            }
        }
        self.rounds += 1;
    }
}
