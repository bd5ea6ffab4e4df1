//! Separate servers that were replaced during a run. The command of a server is identified by its
//! files, but a server at an address can only be asked what it is. Each trial records its answer.

use std::collections::BTreeMap;

use contract::id::Arm;
use contract::run::VariantRecord;
use stats::validity::Reason;

use super::trials::Round;
use crate::store::RunRecord;

/// The arms with a server that is another than in its first round on that host.
pub(super) fn servers(record: &RunRecord, rounds: &[&Round], windows: u32) -> Vec<(Arm, Reason)> {
    // Other engines are part of a build, which is identified by its hash.
    let are_servers = record.header.variants.iter().any(VariantRecord::is_server);
    let of = |arm: Arm| -> Option<(Arm, Reason)> {
        let trials = rounds.iter().filter_map(|round| {
            let parts = &round.arms.get(&arm)?.parts;
            Some(parts.iter().map(|part| Account {
                round: round.index / windows,
                host: &part.origin.hostname,
                said: &part.engine.kernels,
            }))
        });
        Some((arm, change(trials.flatten())?))
    };
    let arms = Arm::ALL.into_iter().filter(|_| are_servers);
    arms.filter_map(of).collect()
}

/// What a host's server said of itself in a round.
struct Account<'a> {
    round: u32,
    host: &'a str,
    said: &'a str,
}

/// The first account that differs from the first of its host.
fn change<'a>(accounts: impl Iterator<Item = Account<'a>>) -> Option<Reason> {
    let mut first: BTreeMap<&str, &str> = BTreeMap::new();
    accounts.into_iter().find_map(|account| {
        let before = *first.entry(account.host).or_insert(account.said);
        (before != account.said).then(|| Reason::ServerChanged {
            first_round: account.round as usize,
            before: before.to_owned(),
            now: account.said.to_owned(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(accounts: &[(u32, &'static str, &'static str)]) -> Option<Reason> {
        let account = |(round, host, said): &(u32, &'static str, &'static str)| Account {
            round: *round,
            host,
            said,
        };
        change(accounts.iter().map(account))
    }

    #[test]
    fn a_server_that_stays_is_no_finding_on_any_number_of_hosts() {
        assert_eq!(found(&[]), None);
        let stays = [(0, "a", "x"), (0, "b", "y"), (1, "a", "x"), (1, "b", "y")];
        assert_eq!(found(&stays), None);
    }

    #[test]
    fn the_first_change_is_told_with_its_round() {
        let changes = [(0, "a", "x"), (1, "a", "x"), (2, "a", "y"), (3, "a", "z")];
        let expected = Reason::ServerChanged {
            first_round: 2,
            before: "x".to_owned(),
            now: "y".to_owned(),
        };
        assert_eq!(found(&changes), Some(expected.clone()));
        assert_eq!(
            expected.to_string(),
            "the server was replaced during the run: it was `x`, and `y` from round 3 on"
        );
    }
}
