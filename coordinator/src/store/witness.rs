//! The witness: a small text file outside the database that says how much was last committed to it.
//! sled cuts its log at the first damaged byte and opens without an error, so only an outside
//! record can reveal the loss. Owns the file's text and the comparison; must not know how either
//! side was written.
//!
//! | database against witness | verdict |
//! |---|---|
//! | behind | damaged: the end of the log is lost |
//! | equal, other counts or hash | damaged |
//! | equal in all | sound |
//! | ahead | sound: a crash between the two writes |

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::digest::SetHash;
use super::durable;
use super::error::{Damage, StoreError};

/// Key of the tally in the tree `meta`.
pub(super) const TALLY: &[u8] = b"tally";

/// Name of the file in the store's directory.
pub(super) const FILE: &str = "manifest";
/// Beginning of its first line; the number of the store's layout follows.
const TITLE: &str = "pgo-benchmarks store, layout ";
/// The layout of the whole store, including the database, that is written now. 1, the first; 2 adds
/// noise floors, annotations and calibrations, which older programs would take for damage; 3 has
/// the position of each run in its row and a copy of every run outside the database, which older
/// programs would not update.
const LAYOUT: u32 = 3;

/// Counts and hash of everything committed. Stored twice: in the database, in the same transaction
/// as the data, and in the witness.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tally {
    /// Number of commits.
    pub(super) commit: u64,
    /// Number of runs.
    pub(super) runs: u64,
    /// Committed records of all runs: headers, blocks, accepted parts, notices, ends.
    pub(super) records: u64,
    /// Hash of the index of runs.
    pub(super) index: SetHash,
}

/// The content of a witness of a known layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Witness {
    /// What the database must hold.
    pub(super) tally: Tally,
    /// The layout of the store it was written for.
    layout: u32,
}

impl Witness {
    /// Whether it was written for this program's layout.
    pub(super) fn is_current(&self) -> bool {
        self.layout == LAYOUT
    }
}

/// An intact witness.
#[derive(Debug, PartialEq, Eq)]
enum Read {
    Known(Witness),
    Newer(u32),
}

/// Reads the witness; `None` if there is none.
pub(super) fn load(dir: &Path) -> Result<Option<Witness>, StoreError> {
    let path = dir.join(FILE);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(StoreError::io("read", &path, source)),
    };
    match std::str::from_utf8(&bytes).ok().and_then(parse) {
        Some(Read::Known(witness)) => Ok(Some(witness)),
        Some(Read::Newer(found)) => Err(StoreError::Newer {
            path: dir.to_owned(),
            found,
            known: LAYOUT,
        }),
        None => Err(StoreError::Damaged {
            dir: dir.to_owned(),
            damage: Damage::ManifestUnreadable,
        }),
    }
}

/// Writes the witness. Call it only after the database itself is durable.
pub(super) fn save(dir: &Path, tally: Tally) -> Result<(), StoreError> {
    durable::replace(&dir.join(FILE), render(tally).as_bytes())
}

/// Compares a database with its witness.
pub(super) fn check(database: Tally, witness: Tally) -> Result<(), Damage> {
    if database.commit > witness.commit {
        return Ok(());
    }
    if database.commit < witness.commit {
        return Err(Damage::Behind {
            found: database.commit,
            witnessed: witness.commit,
        });
    }
    count("runs", database.runs, witness.runs)?;
    count("records", database.records, witness.records)?;
    if database.index == witness.index {
        Ok(())
    } else {
        Err(Damage::Content)
    }
}

/// Fails unless the number found equals the number written.
pub(super) fn count(what: &'static str, found: u64, written: u64) -> Result<(), Damage> {
    if found == written {
        Ok(())
    } else {
        Err(Damage::Count {
            what,
            found,
            written,
        })
    }
}

fn render(tally: Tally) -> String {
    let Tally {
        commit,
        runs,
        records,
        index,
    } = tally;
    seal(&format!(
        "{TITLE}{LAYOUT}\ncommit {commit}\nruns {runs}\nrecords {records}\nindex {index}\n"
    ))
}

/// The last line is a checksum of the lines before it, in this and all later layouts.
fn seal(body: &str) -> String {
    format!("{body}crc {:08x}\n", crc32fast::hash(body.as_bytes()))
}

fn parse(text: &str) -> Option<Read> {
    let body = &text[..text.rfind("crc ")?];
    if seal(body) != text {
        return None;
    }
    let mut lines = body.lines();
    let layout: u32 = lines.next()?.strip_prefix(TITLE)?.parse().ok()?;
    if layout > LAYOUT {
        return Some(Read::Newer(layout));
    }
    let mut field = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix(' ');
    let tally = Tally {
        commit: field("commit")?.parse().ok()?,
        runs: field("runs")?.parse().ok()?,
        records: field("records")?.parse().ok()?,
        index: SetHash::parse(field("index")?)?,
    };
    Some(Read::Known(Witness { tally, layout }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(commit: u64) -> Tally {
        let mut index = SetHash::default();
        index.toggle(b"run", b"row");
        Tally {
            commit,
            runs: 2,
            records: 30,
            index,
        }
    }

    #[test]
    fn text_and_back_and_every_flip_is_found() {
        let text = render(tally(9));
        assert_eq!(
            parse(&text),
            Some(Read::Known(Witness {
                tally: tally(9),
                layout: LAYOUT
            }))
        );
        for bit in 0..text.len() * 8 {
            let mut bytes = text.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let read = String::from_utf8(bytes)
                .ok()
                .and_then(|flipped| parse(&flipped));
            assert_eq!(read, None, "bit {bit}");
        }
    }

    #[test]
    fn a_later_layout_is_not_taken_for_damage() {
        assert_eq!(
            parse(&seal("pgo-benchmarks store, layout 4\nwhatever\n")),
            Some(Read::Newer(4))
        );
    }

    #[test]
    fn each_row_of_the_table() {
        assert!(check(tally(9), tally(9)).is_ok());
        assert!(check(tally(10), tally(9)).is_ok());
        assert!(matches!(
            check(tally(8), tally(9)),
            Err(Damage::Behind {
                found: 8,
                witnessed: 9
            })
        ));
        let fewer = Tally {
            runs: 1,
            ..tally(9)
        };
        assert!(matches!(
            check(fewer, tally(9)),
            Err(Damage::Count { what: "runs", .. })
        ));
        let records = Tally {
            records: 29,
            ..tally(9)
        };
        assert!(matches!(
            check(records, tally(9)),
            Err(Damage::Count {
                what: "records",
                ..
            })
        ));
        let other = Tally {
            index: SetHash::default(),
            ..tally(9)
        };
        assert!(matches!(check(other, tally(9)), Err(Damage::Content)));
    }
}
