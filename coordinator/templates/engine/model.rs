//! A stand-in for a model: each token depends on all tokens before it and costs real work. Replace
//! it with your model.

/// All tokens are smaller than this.
const VOCABULARY: u64 = 1000;

/// A text, as far as it has been read and written.
pub(crate) struct Sequence {
    state: u64,
    work: u32,
}

impl Sequence {
    /// Reads a prompt. Every token, read or written, costs `work` turns.
    pub(crate) fn read(prompt: &[u32], work: u32) -> Self {
        let mut sequence = Self { state: 1, work };
        prompt.iter().for_each(|token| sequence.take(*token));
        sequence
    }

    /// The next token.
    pub(crate) fn next(&mut self) -> u32 {
        let token = (self.state % VOCABULARY) as u32;
        self.take(token);
        token
    }

    fn take(&mut self, token: u32) {
        self.state ^= u64::from(token);
        for turn in 0..self.work {
            self.state = match self.state % 3 {
                0 => self.state / 3 + u64::from(turn),
                1 => self.state.rotate_left(7) ^ 0x9E37_79B9,
                _ => self.state.wrapping_mul(6_364_136_223_846_793_005),
            };
        }
    }
}

/// The token of a word.
pub(crate) fn token_of(word: &str) -> u32 {
    let number = |sum: u64, byte: u8| sum * 31 + u64::from(byte);
    (word.bytes().take(8).fold(0, number) % VOCABULARY) as u32
}
