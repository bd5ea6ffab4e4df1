//! What a program writes for others to read, and what becomes of its exit code when it cannot. An
//! exit code carries a verdict, so it must not depend on who reads: whoever closes the pipe (`… |
//! head`, `… | true`) has seen enough, and the command goes on to its end with its own code. An
//! output that is lost for another reason (a full device) turns the code of success into the one of
//! a refusal; a code that already says something worse stays. Must not know what is written, nor
//! what codes mean beside these two.

use std::io::{ErrorKind, Result, Write};

/// The code of success.
const OK: u8 = 0;
/// The code of what the system refused.
const REFUSED: u8 = 2;

/// A writer that never fails: what became of it is asked at the end, by [`Output::settle`].
#[derive(Debug)]
pub struct Output<W> {
    inner: W,
    state: State,
}

#[derive(Debug)]
enum State {
    Open,
    /// The reader left.
    Left,
    /// The first failure.
    Lost(std::io::Error),
}

impl<W: Write> Output<W> {
    /// Over standard output, mostly.
    #[must_use]
    pub fn new(inner: W) -> Self {
        Self {
            inner,
            state: State::Open,
        }
    }

    /// The exit code of a command that ends with `code`, once everything is written. `lost` hears
    /// of an output that nobody got and nobody gave up.
    pub fn settle(mut self, code: u8, lost: impl FnOnce(std::io::Error)) -> u8 {
        // What is left in a buffer would be lost at the process's end without a word.
        self.attempt(|inner| inner.flush());
        match self.state {
            State::Open | State::Left => code,
            State::Lost(error) => {
                lost(error);
                if code == OK { REFUSED } else { code }
            }
        }
    }

    fn attempt<T>(&mut self, write: impl FnOnce(&mut W) -> Result<T>) -> Option<Result<T>> {
        if !matches!(self.state, State::Open) {
            return None;
        }
        match write(&mut self.inner) {
            Err(error) if error.kind() == ErrorKind::Interrupted => Some(Err(error)),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.state = State::Left;
                None
            }
            Err(error) => {
                self.state = State::Lost(error);
                None
            }
            written => Some(written),
        }
    }
}

impl<W: Write> Write for Output<W> {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.attempt(|inner| inner.write(bytes))
            .unwrap_or(Ok(bytes.len()))
    }

    fn flush(&mut self) -> Result<()> {
        self.attempt(Write::flush).unwrap_or(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many bytes, then fails in that way.
    struct Failing(usize, ErrorKind);

    impl Write for Failing {
        fn write(&mut self, bytes: &[u8]) -> Result<usize> {
            let taken = bytes.len().min(self.0);
            self.0 -= taken;
            if taken == 0 {
                Err(self.1.into())
            } else {
                Ok(taken)
            }
        }

        fn flush(&mut self) -> Result<()> {
            if self.0 == 0 {
                Err(self.1.into())
            } else {
                Ok(())
            }
        }
    }

    fn code(of: u8, failing: Failing) -> (u8, bool) {
        let mut output = Output::new(failing);
        output
            .write_all(b"more than a few bytes")
            .expect("it never fails");
        let mut told = false;
        let code = output.settle(of, |_| told = true);
        (code, told)
    }

    #[test]
    fn a_reader_that_leaves_changes_no_exit_code() {
        for of in 0..5 {
            assert_eq!(code(of, Failing(3, ErrorKind::BrokenPipe)), (of, false));
        }
    }

    #[test]
    fn a_lost_output_is_told_and_is_no_success() {
        for (of, expected) in [(0, 2), (1, 1), (2, 2), (3, 3), (4, 4)] {
            assert_eq!(
                code(of, Failing(3, ErrorKind::StorageFull)),
                (expected, true)
            );
        }
        assert_eq!(
            code(0, Failing(21, ErrorKind::StorageFull)),
            (2, true),
            "the last bytes count too"
        );
        assert_eq!(
            code(0, Failing(99, ErrorKind::StorageFull)),
            (0, false),
            "the twin: all was written"
        );
    }
}
