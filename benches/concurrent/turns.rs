//! The runs of one level, all programs in turns: whatever drifts on the machine meets them alike.
//! Criterion would measure all of one program and then all of the other; so a round runs every
//! program once, in an order that alternates, and what is not asked for yet is kept until it is. It
//! must not know Criterion.

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
    /// By program: times measured and not yet taken.
    ready: Vec<VecDeque<Duration>>,
    rounds: usize,
}

impl<'a> Turns<'a> {
    /// No run is made before one is asked for.
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
    /// When a run is no measurement: a benchmark that goes on would show times that nobody had.
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
