//! The synthetic vocabulary: a byte-level BPE that reads any text, and splits English into pieces
//! of a few letters as a trained one does.

use crate::bytelevel::{Added, Cut, Kind, Vocabulary, byte_char};

/// Special tokens, ids 0 to 2, named as in SmolLM.
const SPECIAL: [&str; 3] = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];

/// A vocabulary of exactly `size` tokens: special ones, all bytes, then words grown from pairs of
/// letters, frequent English ones first, with and without a leading space.
pub(super) fn vocabulary(size: usize) -> Vocabulary {
    let mut tokens: Vec<String> = SPECIAL.iter().map(|&token| token.to_owned()).collect();
    tokens.extend((0..=255).map(|byte| byte_char(byte).to_string()));
    let room = size
        .checked_sub(tokens.len())
        .expect("presets have room for all bytes");
    let mut merges = Vec::with_capacity(room);
    for (left, right) in growth().take(room) {
        tokens.push(format!("{left}{right}"));
        merges.push(format!("{left} {right}"));
    }
    assert_eq!(
        tokens.len(),
        size,
        "merges run out before the vocabulary is full"
    );
    let added = (0..SPECIAL.len())
        .map(|id| Added { id, special: true })
        .collect();
    let kind = Kind::ByteLevel {
        cut: Cut::DigitsThenGpt2,
        whole: false,
    };
    Vocabulary {
        tokens,
        merges,
        added,
        kind,
        before: None,
        behind: None,
    }
}

/// Merges in order of rank; no two of them give the same token.
fn growth() -> impl Iterator<Item = (String, String)> {
    let letters = || "etaoinshrdlcumwfgypbvkjxqz".chars().map(String::from);
    let pairs = move || letters().flat_map(move |a| letters().map(move |b| format!("{a}{b}")));
    let space = || byte_char(b' ').to_string();
    let two = letters().flat_map(move |a| letters().map(move |b| (a.clone(), b)));
    let spaced_pair = pairs().map(move |pair| (space(), pair));
    let three = pairs().flat_map(move |pair| letters().map(move |c| (pair.clone(), c)));
    let four = pairs().flat_map(move |left| pairs().map(move |right| (left.clone(), right)));
    two.chain(spaced_pair).chain(three).chain(four)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn vocabularies_are_full_and_have_no_token_twice() {
        for size in [300, 512, 8192, 49_152] {
            let tokens = vocabulary(size).tokens;
            assert_eq!(tokens.iter().collect::<HashSet<_>>().len(), size);
        }
    }

    #[test]
    #[should_panic(expected = "merges run out")]
    fn more_tokens_than_there_are_words_is_noticed() {
        vocabulary(1_000_000);
    }
}
