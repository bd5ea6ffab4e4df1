//! One answer, from its stream: what counts as the arrival of a token, when the answer is over, and
//! whether it is the requested one. A chunk is not a token: the number of its tokens is known only
//! if the server sends its usage with it. Pure; must not know connections.

use sha2::{Digest, Sha256};

use super::chunk::{self, Said, Usage};
use super::fault::{Fault, Kind};
use super::sse::{Event, Reader};

/// An answer in progress.
pub struct Answer {
    asked: u32,
    reader: Reader,
    events: Vec<Event>,
    /// Number of chunks with text.
    chunks: u32,
    /// Number of tokens according to the chunks' usage so far.
    told: Option<u32>,
    /// Number of those tokens that arrived with text; unset once a chunk had no usage.
    arrived: Option<u32>,
    bytes: u64,
    finish: Option<String>,
    usage: Option<Usage>,
    done: bool,
    text: Sha256,
}

/// A chunk with text, and the number of its tokens if known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival(pub Option<u32>);

/// A complete answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole {
    /// Number of its tokens.
    pub tokens: u32,
    /// The last usage that the server reported.
    pub usage: Option<Usage>,
    /// The beginning of the SHA-256 over its text.
    pub text: [u32; 2],
}

impl Answer {
    /// A new answer with this requested number of tokens.
    #[must_use]
    pub fn new(asked: u32) -> Self {
        Self {
            asked,
            reader: Reader::default(),
            events: Vec::new(),
            chunks: 0,
            told: None,
            arrived: Some(0),
            bytes: 0,
            finish: None,
            usage: None,
            done: false,
            text: Sha256::new(),
        }
    }

    /// Handles bytes of the body and appends the arrivals.
    ///
    /// # Errors
    /// What is wrong with the bytes. Arrivals before the error have been appended.
    pub fn take(&mut self, bytes: &[u8], arrivals: &mut Vec<Arrival>) -> Result<(), Fault> {
        self.bytes += bytes.len() as u64;
        let mut events = std::mem::take(&mut self.events);
        let read = self.reader.feed(bytes, &mut events);
        let understood = events
            .iter()
            .try_for_each(|event| self.event(event, arrivals));
        events.clear();
        self.events = events;
        understood.and(read.map_err(Fault::from))
    }

    /// Whether the server has ended the stream.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// Number of bytes that it holds.
    #[must_use]
    pub fn held(&self) -> usize {
        self.reader.held()
    }

    /// Ends the answer.
    ///
    /// # Errors
    /// Why it is not the requested answer.
    pub fn end(self) -> Result<Whole, Fault> {
        if self.bytes == 0 {
            return Err(Kind::NoBody.of(""));
        }
        if !self.done {
            return Err(Kind::NoEnd.of(format!("after {} chunks with text", self.chunks)));
        }
        if let Some(finish) = self.finish.as_deref().filter(|finish| *finish != "length") {
            return Err(Kind::Finish.of(format!("it is {finish:?}")));
        }
        let counted = self.usage.and_then(|usage| usage.completion_tokens);
        // It ended because it has the requested length.
        let by_finish = self.finish.as_ref().map(|_| self.asked);
        let tokens = counted
            .or(by_finish)
            .ok_or_else(|| Kind::Uncounted.of(""))?;
        if tokens != self.asked {
            let detail = format!("usage says {tokens}, asked for were {}", self.asked);
            return Err(Kind::Length.of(detail));
        }
        if self.chunks == 0 {
            return Err(Kind::NoText.of(""));
        }
        if self.chunks > tokens {
            let detail = format!("{tokens} tokens in {} chunks with text", self.chunks);
            return Err(Kind::Usage.of(detail));
        }
        let digest = self.text.finalize();
        let word = |at: usize| {
            u32::from_le_bytes([digest[at], digest[at + 1], digest[at + 2], digest[at + 3]])
        };
        Ok(Whole {
            tokens,
            usage: self.usage,
            text: [word(0), word(4)],
        })
    }

    fn event(&mut self, event: &Event, arrivals: &mut Vec<Arrival>) -> Result<(), Fault> {
        // Events after the end are ignored.
        if self.done {
            return Ok(());
        }
        let chunk = match chunk::read(event)? {
            Said::Done => {
                self.done = true;
                return Ok(());
            }
            Said::Chunk(chunk) => chunk,
        };
        let so_far = chunk.usage.and_then(|usage| usage.completion_tokens);
        let before = self.told.unwrap_or(0);
        if let Some(so_far) = so_far {
            if so_far < before {
                return Err(Kind::Usage.of(format!("{so_far} tokens after {before}")));
            }
            self.told = Some(so_far);
        }
        if !chunk.text.is_empty() {
            let new = so_far
                .zip(self.arrived)
                .map(|(so_far, arrived)| so_far - arrived);
            let new = new.filter(|new| *new > 0);
            self.arrived = so_far.filter(|_| new.is_some());
            arrivals.push(Arrival(new));
            self.chunks = self.chunks.saturating_add(1);
            self.text.update(chunk.text.as_bytes());
        }
        self.finish = chunk.finish.or(self.finish.take());
        self.usage = chunk.usage.or(self.usage);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
