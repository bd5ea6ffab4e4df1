//! SentencePiece vocabularies: the order of merges follows from the scores of the results. Must not
//! know metadata.

use std::collections::HashMap;

/// Two pieces whose concatenation is a token, with the order of the merge.
struct Merge<'a> {
    left: &'a str,
    right: &'a str,
    score: f64,
    token: usize,
}

/// Merges in order of rank: highest score of the result first; for equal scores the earlier token.
pub(super) fn merges(tokens: &[String], scores: &[f64]) -> Vec<String> {
    let ids: HashMap<&str, usize> = tokens
        .iter()
        .enumerate()
        .map(|(id, token)| (token.as_str(), id))
        .collect();
    let mut merges = Vec::new();
    // Spaces in text are written as `▁`, so a token with a space never results from merging.
    for (token, text) in tokens
        .iter()
        .enumerate()
        .filter(|(_, text)| !text.contains(' '))
    {
        let splits = text.char_indices().skip(1).map(|(at, _)| text.split_at(at));
        let joins =
            splits.filter(|(left, right)| ids.contains_key(left) && ids.contains_key(right));
        merges.extend(joins.map(|(left, right)| Merge {
            left,
            right,
            score: scores[token],
            token,
        }));
    }
    merges.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.token.cmp(&b.token)));
    // A space is written as `▁` in pieces, so it can separate the two.
    merges
        .into_iter()
        .map(|merge| format!("{} {}", merge.left, merge.right))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_score_merges_first_and_every_split_is_known() {
        let tokens = ["a", "b", "c", "ab", "bc", "abc"].map(str::to_owned);
        let scores = [0.0, 0.0, 0.0, -3.0, -1.0, -2.0];
        assert_eq!(merges(&tokens, &scores), ["b c", "a bc", "ab c", "a b"]);
    }
}
