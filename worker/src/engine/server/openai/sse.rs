//! A bounded reader of server-sent events: bytes in, whole events out. Lines end with LF, CR LF or
//! CR, as the standard requires. Owns the limits and the check of UTF-8; must not know the content
//! of events.

/// Maximum bytes of a line.
pub const LINE: usize = 256 << 10;
/// Maximum bytes of all data of an event.
pub const EVENT: usize = 1 << 20;

/// One event: its `data` lines, joined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its content.
    pub data: String,
    /// Whether the server marked it as an error.
    pub is_error: bool,
}

/// Why a stream cannot be read further. Completes "failed to …".
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SseError {
    /// A line without an end.
    #[error("read an event: a line of it is longer than {LINE} bytes")]
    Line,
    /// An event without an end.
    #[error("read an event: its data is longer than {EVENT} bytes")]
    Event,
    /// Bytes that are not UTF-8.
    #[error("read an event: a line of it is not UTF-8")]
    Utf8,
}

/// Reads a stream; must not be fed again after an error.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    line: Vec<u8>,
    data: String,
    has_data: bool,
    is_error: bool,
    /// The last byte was a CR that ended a line: a following LF belongs to it.
    after_cr: bool,
    /// The first line has been read: a byte-order mark is no longer allowed.
    begun: bool,
}

impl Reader {
    /// Handles bytes and appends the events that end with them.
    ///
    /// # Errors
    /// At the first violation. Events before it have been appended.
    pub fn feed(&mut self, mut bytes: &[u8], events: &mut Vec<Event>) -> Result<(), SseError> {
        if std::mem::take(&mut self.after_cr) && bytes.first() == Some(&b'\n') {
            bytes = &bytes[1..];
        }
        while let Some(at) = bytes.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            self.extend(&bytes[..at])?;
            self.ends(events)?;
            let cr = bytes[at] == b'\r';
            bytes = &bytes[at + 1..];
            match bytes.first() {
                Some(b'\n') if cr => bytes = &bytes[1..],
                None => self.after_cr = cr,
                Some(_) => {}
            }
        }
        self.extend(bytes)
    }

    /// Number of bytes that it holds.
    #[must_use]
    pub fn held(&self) -> usize {
        self.line.len() + self.data.len()
    }

    fn extend(&mut self, bytes: &[u8]) -> Result<(), SseError> {
        if self.line.len() + bytes.len() > LINE {
            return Err(SseError::Line);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    /// Handles a complete line.
    fn ends(&mut self, events: &mut Vec<Event>) -> Result<(), SseError> {
        let bytes = std::mem::take(&mut self.line);
        let line = std::str::from_utf8(&bytes).map_err(|_| SseError::Utf8)?;
        let line = match std::mem::replace(&mut self.begun, true) {
            true => line,
            false => line.strip_prefix('\u{feff}').unwrap_or(line),
        };
        if line.is_empty() {
            self.dispatch(events);
        } else {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            self.field(field, value.strip_prefix(' ').unwrap_or(value))?;
        }
        // Its memory is reused for the next line.
        self.line = bytes;
        self.line.clear();
        Ok(())
    }

    fn field(&mut self, field: &str, value: &str) -> Result<(), SseError> {
        match field {
            // Some servers write a failure as a separate field.
            "data" | "error" => {
                self.is_error |= field == "error";
                if self.data.len() + value.len() + 1 > EVENT {
                    return Err(SseError::Event);
                }
                if self.has_data {
                    self.data.push('\n');
                }
                self.data.push_str(value);
                self.has_data = true;
            }
            "event" => self.is_error |= value == "error",
            _ => {}
        }
        Ok(())
    }

    fn dispatch(&mut self, events: &mut Vec<Event>) {
        let is_error = std::mem::take(&mut self.is_error);
        if std::mem::take(&mut self.has_data) {
            let data = std::mem::take(&mut self.data);
            events.push(Event { data, is_error });
        }
    }
}

#[cfg(test)]
mod tests;
