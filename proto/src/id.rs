//! Identities of a run, of a trial in its plan, and of the place where a worker runs. Must not know
//! what happens there.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One run: 26 characters of Crockford base 32 that sort by creation time (the ULID layout).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId([u8; 26]);

/// A text that is not a [`RunId`].
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("parse `{0}` as a run id: 26 characters of 0-9 and A-Z without I, L, O, U are expected")]
pub struct RunIdError(pub String);

/// A variant's role in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Arm {
    /// The baseline.
    A,
    /// The candidate.
    B,
    /// The baseline again: the control, which shows the difference without any change on this host.
    A2,
}

/// One trial of a run: a cell under one arm in one round.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TrialKey {
    /// Index of a scenario with one candidate, assigned by the schedule. With two variants it is
    /// the scenario's index in the plan.
    pub cell: u32,
    /// Round, from zero.
    pub round: u32,
    /// Arm of the trial.
    pub arm: Arm,
}

/// Number of an attempt at a block. Messages of older attempts are dropped and counted.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Attempt(pub u32);

/// Links a worker process to the slot and attempt for which an agent started it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

impl RunId {
    /// A new id from the wall clock (milliseconds since 1970) and 80 random bits.
    #[must_use]
    pub fn new(unix_ms: u64, entropy: [u8; 10]) -> Self {
        let mut bits = u128::from(unix_ms & 0xFFFF_FFFF_FFFF) << 80;
        for (i, byte) in entropy.iter().enumerate() {
            bits |= u128::from(*byte) << (8 * (9 - i));
        }
        let mut text = [0; 26];
        for (i, c) in text.iter_mut().enumerate() {
            *c = ALPHABET[(bits >> (5 * (25 - i)) & 31) as usize];
        }
        Self(text)
    }

    /// The 26 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("a run id holds ASCII only")
    }

    /// Creation time, milliseconds since 1970.
    #[must_use]
    pub fn unix_ms(&self) -> u64 {
        self.0[..10].iter().fold(0, |ms, c| {
            ms << 5
                | ALPHABET
                    .iter()
                    .position(|a| a == c)
                    .expect("a run id holds its alphabet only") as u64
        })
    }
}

impl FromStr for RunId {
    type Err = RunIdError;

    fn from_str(text: &str) -> Result<Self, RunIdError> {
        let upper = text.to_ascii_uppercase();
        let bytes: [u8; 26] = upper
            .as_bytes()
            .try_into()
            .map_err(|_| RunIdError(text.to_owned()))?;
        // 26 characters of 5 bits are 130 bits, so the first may only carry three.
        let fits = bytes[0] <= b'7' && bytes.iter().all(|b| ALPHABET.contains(b));
        if fits {
            Ok(Self(bytes))
        } else {
            Err(RunIdError(text.to_owned()))
        }
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RunId({self})")
    }
}

impl Serialize for RunId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for RunId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl Arm {
    /// Every arm, in the order of their numbers on the wire and in the store.
    pub const ALL: [Self; 3] = [Self::A, Self::B, Self::A2];

    /// The stable number.
    #[must_use]
    pub const fn number(self) -> u32 {
        match self {
            Self::A => 0,
            Self::B => 1,
            Self::A2 => 2,
        }
    }

    /// The arm of a stable number.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|arm| arm.number() == number)
    }

    /// Whether this arm runs the baseline.
    #[must_use]
    pub const fn is_baseline(self) -> bool {
        !matches!(self, Self::B)
    }
}

impl fmt::Display for Arm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::A => "A",
            Self::B => "B",
            Self::A2 => "A2",
        })
    }
}

impl fmt::Display for TrialKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cell {} round {} arm {}",
            self.cell,
            self.round + 1,
            self.arm
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_ids_sort_by_time_and_survive_text() {
        let early = RunId::new(1_700_000_000_000, [255; 10]);
        let late = RunId::new(1_700_000_000_001, [0; 10]);
        assert!(early < late);
        assert_eq!(early.unix_ms(), 1_700_000_000_000);
        assert_eq!(late.as_str().parse(), Ok(late));
        assert_eq!(late.as_str().to_lowercase().parse(), Ok(late));
    }

    #[test]
    fn what_is_no_run_id_is_refused() {
        for bad in [
            "",
            "01",
            "ZZZZZZZZZZZZZZZZZZZZZZZZZZ",
            "0123456789ABCDEFGHJKMNPQRU",
        ] {
            assert!(bad.parse::<RunId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn arm_numbers_are_stable() {
        assert_eq!(Arm::ALL.map(Arm::number), [0, 1, 2]);
        assert_eq!(Arm::from_number(3), None);
    }
}
