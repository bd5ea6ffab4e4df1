//! One cell with its chart data.

use contract::id::Arm;

use crate::compare::{Cell, Picture};

/// The input of every chart of a cell.
pub(crate) struct Scene<'a> {
    pub(crate) cell: &'a Cell,
    pub(crate) picture: &'a Picture,
}

impl<'a> Scene<'a> {
    /// An id that is unique on the page.
    pub(crate) fn id(&self, what: &str) -> String {
        format!("c{}-{what}", self.cell.index)
    }

    /// The arms with the names of their variants.
    pub(crate) fn arms(&self) -> Vec<(Arm, &'a str)> {
        self.cell
            .arms
            .iter()
            .map(|arm| (arm.arm, arm.variant.as_str()))
            .collect()
    }

    /// "baseline A": an arm with its variant, for headings.
    pub(crate) fn heading(&self, arm: Arm) -> String {
        let found = self.arms().into_iter().find(|(one, _)| *one == arm);
        format!("{} {arm}", found.map_or("", |(_, variant)| variant))
    }
}
