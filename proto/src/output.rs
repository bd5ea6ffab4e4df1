//! Standard output, and the exit code if it cannot be written. An exit code is a verdict, so it
//! must not depend on the reader: if the reader closes the pipe (`… | head`, `… | true`), the
//! command runs to its end with its own code. If output is lost for another reason (a full device),
//! success becomes the code of a system failure; a worse code stays. Must not know what is written,
//! nor the meaning of other codes.

use std::io::{ErrorKind, Result, Write};

/// The code of success.
const OK: u8 = 0;
/// The code of a system failure.
const REFUSED: u8 = 2;

/// A writer that never fails; [`Output::settle`] reports its errors at the end.
#[derive(Debug)]
pub struct Output<W> {
    inner: W,
    state: State,
}

#[derive(Debug)]
enum State {
    Open,
    /// The reader closed the pipe.
    Left,
    /// The first failure.
    Lost(std::io::Error),
}

impl<W: Write> Output<W> {
    /// Usually over standard output.
    #[must_use]
    pub fn new(inner: W) -> Self {
        Self {
            inner,
            state: State::Open,
        }
    }

    /// The exit code of a command that ends with `code`, once everything is written. `lost`
    /// receives the error if output was lost and no reader closed the pipe.
    pub fn settle(mut self, code: u8, lost: impl FnOnce(std::io::Error)) -> u8 {
        // Data left in a buffer would be lost silently when the process ends.
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

    /// Accepts this many bytes, then fails with this error.
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
            "counter-check: all was written"
        );
    }
}
