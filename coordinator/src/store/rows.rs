//! Values of any length in a tree that needs short ones. A value is split into pieces of at most
//! [`PIECE`] bytes under its key and a sequence number; sled would put larger values into separate
//! files that it never syncs. Owns splitting and joining; must not know keys or values.

use sled::{Batch, Tree};

use super::error::Damage;

/// Greatest length of a piece, bytes. A leaf holds up to 16 of them and stays below 131,052 bytes,
/// from which sled uses separate files.
pub(super) const PIECE: usize = 7 * 1024;
/// Bytes of the sequence number at the end of every key.
const SEQUENCE: usize = 4;

/// Key and value.
pub(super) type Row = (Vec<u8>, Vec<u8>);

/// Stores a value under a key, removing the rest of a longer previous one.
pub(super) fn put(tree: &Tree, batch: &mut Batch, key: &[u8], value: &[u8]) -> Result<(), Damage> {
    remove(tree, batch, key)?;
    // An empty value still has one piece.
    let pieces = value.len().div_ceil(PIECE).max(1);
    for sequence in 0..pieces {
        let piece = &value[sequence * PIECE..value.len().min((sequence + 1) * PIECE)];
        batch.insert(piece_key(key, sequence), piece);
    }
    Ok(())
}

/// Removes the value under a key.
pub(super) fn remove(tree: &Tree, batch: &mut Batch, key: &[u8]) -> Result<(), Damage> {
    for piece in tree.scan_prefix(key).keys() {
        let piece = piece.map_err(Damage::Engine)?;
        if piece.len() == key.len() + SEQUENCE {
            batch.remove(piece);
        }
    }
    Ok(())
}

/// The value under a key.
pub(super) fn get(tree: &Tree, key: &[u8]) -> Result<Option<Vec<u8>>, Damage> {
    match scan(tree, key).next().transpose()? {
        Some((found, value)) if found == key => Ok(Some(value)),
        _ => Ok(None),
    }
}

/// All values with a key prefix, in order, each joined from its pieces.
pub(super) fn scan(
    tree: &Tree,
    prefix: &[u8],
) -> impl Iterator<Item = Result<Row, Damage>> + use<> {
    let mut pieces = tree.scan_prefix(prefix).peekable();
    std::iter::from_fn(move || {
        let first = pieces.next()?;
        Some(join(first, &mut pieces))
    })
}

/// The keys of all values with a key prefix, without reading the values; iterable from both ends.
pub(super) fn keys(
    tree: &Tree,
    prefix: &[u8],
) -> impl DoubleEndedIterator<Item = Result<Vec<u8>, Damage>> + use<> {
    tree.scan_prefix(prefix).keys().filter_map(|piece| {
        let whole = piece.map_err(Damage::Engine).and_then(|piece| {
            let (key, sequence) = split(&piece)?;
            Ok((sequence == 0).then(|| key.to_vec()))
        });
        whole.transpose()
    })
}

type Pieces = std::iter::Peekable<sled::Iter>;
type Piece = Result<(sled::IVec, sled::IVec), sled::Error>;

fn join(first: Piece, rest: &mut Pieces) -> Result<Row, Damage> {
    let (first_key, first_value) = first.map_err(Damage::Engine)?;
    let (key, sequence) = split(&first_key)?;
    if sequence != 0 {
        return Err(Damage::Gap);
    }
    let mut value = first_value.to_vec();
    let mut next = 1;
    while let Some(piece) = rest.next_if(|piece| belongs(piece, key)) {
        let (piece_key, piece) = piece.map_err(Damage::Engine)?;
        if split(&piece_key)?.1 != next {
            return Err(Damage::Gap);
        }
        next += 1;
        value.extend_from_slice(&piece);
    }
    Ok((key.to_vec(), value))
}

/// Whether a piece, or an error in reading it, belongs to the value under `key`.
fn belongs(piece: &Piece, key: &[u8]) -> bool {
    piece.as_ref().map_or(true, |(k, _)| {
        k.len() == key.len() + SEQUENCE && k.starts_with(key)
    })
}

fn piece_key(key: &[u8], sequence: usize) -> Vec<u8> {
    let sequence = u32::try_from(sequence).expect("values are far below 2^32 pieces");
    [key, &sequence.to_be_bytes()].concat()
}

fn split(piece: &[u8]) -> Result<(&[u8], u32), Damage> {
    let at = piece.len().checked_sub(SEQUENCE).ok_or(Damage::Gap)?;
    let (key, sequence) = piece.split_at(at);
    Ok((
        key,
        u32::from_be_bytes(sequence.try_into().expect("four bytes")),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        let db = sled::Config::new().temporary(true).open().unwrap();
        db.open_tree("t").unwrap()
    }

    fn write(tree: &Tree, key: &[u8], value: &[u8]) {
        let mut batch = Batch::default();
        put(tree, &mut batch, key, value).unwrap();
        tree.apply_batch(batch).unwrap();
    }

    #[test]
    fn values_of_every_length_come_back_from_pieces_of_bounded_size() {
        let tree = tree();
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE, 100_000] {
            let value: Vec<u8> = (0..length).map(|i| (i % 251) as u8).collect();
            write(&tree, b"key", &value);
            assert_eq!(get(&tree, b"key").unwrap(), Some(value));
            assert_eq!(tree.len(), length.div_ceil(PIECE).max(1));
        }
        assert!(tree.iter().values().all(|v| v.unwrap().len() <= PIECE));
    }

    #[test]
    fn a_shorter_value_leaves_nothing_of_a_longer_one() {
        let tree = tree();
        write(&tree, b"key", &[1; 3 * PIECE]);
        write(&tree, b"key", &[2; 5]);
        assert_eq!(get(&tree, b"key").unwrap(), Some(vec![2; 5]));
    }

    #[test]
    fn a_missing_piece_is_found() {
        for lost in 0..2 {
            let tree = tree();
            write(&tree, b"key", &[1; 3 * PIECE]);
            tree.remove(piece_key(b"key", lost)).unwrap();
            assert!(
                matches!(get(&tree, b"key"), Err(Damage::Gap)),
                "piece {lost}"
            );
        }
    }

    #[test]
    fn neighbours_are_kept_apart() {
        let tree = tree();
        write(&tree, b"a1", &[1; PIECE + 1]);
        write(&tree, b"a2", b"two");
        write(&tree, b"b", b"b");
        let rows: Vec<_> = scan(&tree, b"a").map(Result::unwrap).collect();
        assert_eq!(
            rows,
            [
                (b"a1".to_vec(), vec![1; PIECE + 1]),
                (b"a2".to_vec(), b"two".to_vec())
            ]
        );
        assert_eq!(get(&tree, b"a").unwrap(), None);
        let keys: Vec<_> = keys(&tree, b"").map(Result::unwrap).collect();
        assert_eq!(keys, [b"a1".to_vec(), b"a2".to_vec(), b"b".to_vec()]);
        assert_eq!(
            super::keys(&tree, b"a").next_back().unwrap().unwrap(),
            b"a2"
        );
    }
}
