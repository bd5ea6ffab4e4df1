//! The contents of one pass through the model: tokens with positions and pages, divided into runs
//! that share an attention task. Plain lists, filled by the scheduler and read by the engine.

use crate::kernels::PAGE;

/// Consecutive tokens of one sequence that share an attention task.
pub(crate) const RUN: usize = 8;
/// The tokens of one pass. Tokens of one sequence are consecutive and in order.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) items: Vec<Item>,
    pub(crate) runs: Vec<Run>,
    /// Page numbers of all sequences, one sequence after another.
    pub(crate) pages: Vec<u32>,
    /// Tokens whose logits are needed, as indices into `items`.
    pub(crate) wanted: Vec<usize>,
}

/// A token, its position in its sequence and its run.
#[derive(Clone, Copy)]
pub(crate) struct Item {
    pub(crate) token: u32,
    pub(crate) position: usize,
    pub(crate) run: usize,
}

/// At most [`RUN`] consecutive tokens of one sequence, whose pages start at `pages`.
#[derive(Clone, Copy)]
pub(crate) struct Run {
    pub(crate) first: usize,
    pub(crate) count: usize,
    pub(crate) pages: usize,
}

impl Batch {
    pub(crate) fn with_capacity(tokens: usize, pages: usize) -> Self {
        Self {
            items: Vec::with_capacity(tokens),
            runs: Vec::with_capacity(tokens),
            pages: Vec::with_capacity(pages),
            wanted: Vec::with_capacity(tokens),
        }
    }

    pub(crate) fn clear(&mut self) {
        self.items.clear();
        self.runs.clear();
        self.pages.clear();
        self.wanted.clear();
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    /// Adds tokens of one sequence from `position` on; requests the logits of the last `logits` of
    /// them.
    pub(crate) fn push(&mut self, tokens: &[u32], position: usize, pages: &[u32], logits: usize) {
        let start = self.pages.len();
        self.pages
            .extend_from_slice(&pages[..(position + tokens.len()).div_ceil(PAGE)]);
        for (index, &token) in tokens.iter().enumerate() {
            if index.is_multiple_of(RUN) {
                let count = RUN.min(tokens.len() - index);
                self.runs.push(Run {
                    first: self.items.len(),
                    count,
                    pages: start,
                });
            }
            if index + logits >= tokens.len() {
                self.wanted.push(self.items.len());
            }
            self.items.push(Item {
                token,
                position: position + index,
                run: self.runs.len() - 1,
            });
        }
    }

    /// Pages of a run's sequence, in order of position.
    pub(crate) fn pages_of(&self, run: usize) -> &[u32] {
        &self.pages[self.runs[run].pages..]
    }
}
