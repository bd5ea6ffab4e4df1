//! Groups findings of one kind in several arms: the worst in full, the other arms by name. Must not
//! judge.

use std::fmt;

use super::reason::{Finding, Location};
use crate::order::Arm;

/// A finding in several arms of a scenario, or one that concerns the whole scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Alike<'a> {
    /// The finding of the arm with the worst result; the first of equal ones.
    pub worst: &'a Finding,
    /// The other arms in which it was found.
    pub also: Vec<Arm>,
}

/// Groups consecutive findings that differ only in their arm.
#[must_use]
pub fn alike(findings: &[Finding]) -> Vec<Alike<'_>> {
    findings
        .chunk_by(|one, other| {
            kind(one).is_some_and(|kind_of_one| Some(kind_of_one) == kind(other))
        })
        .map(together)
        .collect()
}

/// The grouping key. Findings that concern no arm, or one round, are never grouped.
fn kind(finding: &Finding) -> Option<&'static str> {
    finding
        .place
        .filter(|place| place.round.is_none())
        .map(|_| finding.reason.code())
}

fn together(findings: &[Finding]) -> Alike<'_> {
    let mut worst = &findings[0];
    for finding in findings {
        if finding.reason.size() > worst.reason.size() {
            worst = finding;
        }
    }
    let arm = |finding: &Finding| finding.place.map(|place| place.arm);
    let also = findings
        .iter()
        .filter(|finding| arm(finding) != arm(worst))
        .filter_map(arm)
        .collect();
    Alike { worst, also }
}

impl fmt::Display for Alike<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(Location { arm, .. }) = self.worst.place.filter(|_| !self.also.is_empty()) else {
            return self.worst.fmt(f);
        };
        let also: Vec<&str> = self.also.iter().map(|arm| arm.name()).collect();
        write!(
            f,
            "{} (worst in arm {}; also in {})",
            self.worst.reason,
            arm.name(),
            also.join(" and ")
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::reason::Reason;
    use super::*;

    fn busy(arm: Arm, share: f64) -> Finding {
        Finding {
            place: Some(Location { arm, round: None }),
            reason: Reason::OthersBusy { share, limit: 0.05 },
        }
    }

    fn told(findings: &[Finding]) -> Vec<String> {
        alike(findings).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn one_kind_in_three_arms_is_told_once_by_the_worst() {
        let found = [busy(Arm::A, 0.1), busy(Arm::B, 0.3), busy(Arm::A2, 0.2)];
        assert_eq!(
            told(&found),
            [
                "other programs took 30.00 % of CPU time, limit 5.00 % (worst in arm B; also in A and A2)"
            ]
        );
        assert_eq!(
            told(&found[..1]),
            ["other programs took 10.00 % of CPU time, limit 5.00 % (arm A)"]
        );
    }

    #[test]
    fn what_is_short_is_worst_where_it_is_least() {
        let short = |arm, ms| Finding {
            place: Some(Location { arm, round: None }),
            reason: Reason::TooShort {
                duration: Duration::from_millis(ms),
                limit: Duration::from_secs(1),
            },
        };
        assert_eq!(
            alike(&[short(Arm::A, 300), short(Arm::B, 200)])[0].worst,
            &short(Arm::B, 200)
        );
    }

    #[test]
    fn other_kinds_other_rounds_and_what_concerns_no_arm_stay_apart() {
        let whole = Finding {
            place: None,
            reason: Reason::SameCode,
        };
        let late = Finding {
            place: Some(Location {
                arm: Arm::A,
                round: Some(3),
            }),
            ..busy(Arm::A, 0.1)
        };
        let steal = Finding {
            reason: Reason::Steal {
                share: 0.1,
                limit: 0.05,
            },
            ..busy(Arm::B, 0.1)
        };
        let found = [
            busy(Arm::A, 0.1),
            steal,
            late.clone(),
            late,
            whole.clone(),
            whole,
        ];
        assert_eq!(told(&found).len(), found.len());
    }
}
