//! The line that says that figures come from a snapshot of the store.

use super::words::date;
use crate::store::Snapshot;

/// "note: process 7 has the store open; this reads a snapshot of it, of 2026-01-31 09:15:02 UTC".
pub(crate) fn beside(snapshot: Snapshot) -> String {
    let holder = snapshot.holder.map_or_else(
        || "another process".to_owned(),
        |pid| format!("process {pid}"),
    );
    let (at, second) = (date(snapshot.unix_ms), snapshot.unix_ms / 1000 % 60);
    format!(
        "note: {holder} has the store open; this reads a snapshot of it, of {at}:{second:02} UTC"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_names_the_process_and_the_second() {
        let at = |holder| {
            beside(Snapshot {
                holder,
                unix_ms: 1_000,
            })
            .replace('\u{a0}', " ")
        };
        assert_eq!(
            at(Some(7)),
            "note: process 7 has the store open; this reads a snapshot of it, of 1970-01-01 00:00:01 UTC"
        );
        assert!(at(None).starts_with("note: another process has"));
    }
}
