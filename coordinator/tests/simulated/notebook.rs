//! A journal in memory: what a run would have made durable, and failures on request.

use std::sync::Mutex;

use contract::id::Attempt;
use contract::run::{BlockDone, Notice, NoticeKind, RunHeader};
use coordinator::dispatch::event::Delivery;
use coordinator::dispatch::journal::{Journal, JournalError};

/// Records everything, and fails on request.
#[derive(Default)]
pub(crate) struct Notebook {
    pub(crate) fails: Option<&'static str>,
    pub(crate) pages: Mutex<Pages>,
}

#[derive(Default)]
pub(crate) struct Pages {
    pub(crate) begun: u32,
    /// Requests by block and attempt, since the last commit of that block.
    pub(crate) kept: Vec<(u32, Attempt, u64)>,
    pub(crate) committed: Vec<BlockDone>,
    pub(crate) notices: Vec<Notice>,
}

impl Notebook {
    fn write(
        &self,
        what: &'static str,
        write: impl FnOnce(&mut Pages),
    ) -> Result<(), JournalError> {
        if self.fails == Some(what) {
            return Err(JournalError::new(std::io::Error::other(format!(
                "no room to {what}"
            ))));
        }
        write(&mut self.pages.lock().unwrap());
        Ok(())
    }

    /// Requests over the parts of accepted attempts.
    pub(crate) fn requests(&self) -> u64 {
        let pages = self.pages.lock().unwrap();
        let accepted = |round: u32, attempt: Attempt| {
            pages
                .committed
                .iter()
                .any(|block| (block.round, block.attempt) == (round, attempt))
        };
        pages
            .kept
            .iter()
            .filter(|(round, attempt, _)| accepted(*round, *attempt))
            .map(|(.., count)| count)
            .sum()
    }

    pub(crate) fn notices(&self) -> Vec<NoticeKind> {
        self.pages
            .lock()
            .unwrap()
            .notices
            .iter()
            .map(|notice| notice.kind)
            .collect()
    }

    pub(crate) fn blocks(&self) -> usize {
        self.pages.lock().unwrap().committed.len()
    }
}

impl Journal for Notebook {
    fn begin(&self, _: &RunHeader) -> Result<(), JournalError> {
        self.write("begin", |pages| pages.begun += 1)
    }

    fn keep(&self, delivery: &Delivery) -> Result<(), JournalError> {
        let place = &delivery.part.place;
        let page = (
            place.key.round,
            place.attempt,
            delivery.part.outcomes.ended(),
        );
        // It fails at the last part of the first block, when only the commit is left.
        let last = self.pages.lock().unwrap().kept.len() == 5;
        self.write(if last { "keep" } else { "" }, |pages| {
            pages.kept.push(page);
        })
    }

    fn commit(&self, block: &BlockDone, notices: &[Notice]) -> Result<(), JournalError> {
        self.write("commit", |pages| {
            pages.committed.push(block.clone());
            pages.notices.extend_from_slice(notices);
        })
    }

    fn note(&self, notices: &[Notice]) -> Result<(), JournalError> {
        self.write("note", |pages| pages.notices.extend_from_slice(notices))
    }
}
