//! Converts types to generated messages with the same fields: each field is named once, in a
//! [`mirror!`], and cannot be forgotten. Owns how a value is stored in a message; must not know
//! which messages there are.

use std::time::Duration;

use crate::id::Attempt;
use crate::identity::Sha256;
use crate::part::Outcome;

/// Conversion of a value to and from its message field.
pub(crate) trait Field<W>: Sized {
    /// To the message.
    fn stored(self) -> W;

    /// From the message; `None` for a value that no writer writes.
    fn read(stored: W) -> Option<Self>;
}

/// A type whose message has the same fields.
pub(crate) trait Mirror<M>: Sized {
    /// To the message.
    fn to_message(self) -> M;

    /// From the message, or the name of a field with an impossible value.
    fn from_message(message: M) -> Result<Self, &'static str>;
}

impl<T> Field<T> for T {
    fn stored(self) -> T {
        self
    }

    fn read(stored: T) -> Option<Self> {
        Some(stored)
    }
}

/// Nanoseconds; five centuries fit.
impl Field<u64> for Duration {
    fn stored(self) -> u64 {
        u64::try_from(self.as_nanos()).unwrap_or(u64::MAX)
    }

    fn read(stored: u64) -> Option<Self> {
        Some(Self::from_nanos(stored))
    }
}

impl Field<Option<u64>> for Option<Duration> {
    fn stored(self) -> Option<u64> {
        self.map(Field::stored)
    }

    fn read(stored: Option<u64>) -> Option<Self> {
        Some(stored.map(Duration::from_nanos))
    }
}

/// Zero means unknown, in fields that predate optional ones.
impl Field<u64> for Option<u64> {
    fn stored(self) -> u64 {
        self.unwrap_or(0)
    }

    fn read(stored: u64) -> Option<Self> {
        Some(Some(stored).filter(|value| *value > 0))
    }
}

/// Zero means unknown.
impl Field<f64> for Option<f64> {
    fn stored(self) -> f64 {
        self.unwrap_or(0.0)
    }

    fn read(stored: f64) -> Option<Self> {
        Some(Some(stored).filter(|value| *value > 0.0))
    }
}

/// Absent means all zero.
impl Field<Vec<u8>> for Sha256 {
    fn stored(self) -> Vec<u8> {
        self.0.to_vec()
    }

    fn read(stored: Vec<u8>) -> Option<Self> {
        Option::read(stored).map(Option::unwrap_or_default)
    }
}

impl Field<Vec<u8>> for Option<Sha256> {
    fn stored(self) -> Vec<u8> {
        self.map_or_else(Vec::new, Field::stored)
    }

    fn read(stored: Vec<u8>) -> Option<Self> {
        if stored.is_empty() {
            return Some(None);
        }
        Sha256::from_slice(&stored).map(Some)
    }
}

impl Field<u32> for Attempt {
    fn stored(self) -> u32 {
        self.0
    }

    fn read(stored: u32) -> Option<Self> {
        Some(Self(stored))
    }
}

impl Field<u32> for Outcome {
    fn stored(self) -> u32 {
        self.number()
    }

    fn read(stored: u32) -> Option<Self> {
        Self::from_number(stored)
    }
}

/// `Type { fields of the same name; field: name in the message }`, for the type of the same name in
/// the module `pb` in scope. Fields that only the message has follow `without`.
macro_rules! mirror {
    ($type:ident {
        $($field:ident),* $(,)? $(; $($own:ident: $theirs:ident),* $(,)?)?
    } $(without $($extra:ident),*)?) => {
        impl $crate::mirror::Mirror<pb::$type> for $type {
            fn to_message(self) -> pb::$type {
                let $type { $($field,)* $($($own,)*)? } = self;
                pb::$type {
                    $($field: $crate::mirror::Field::stored($field),)*
                    $($($theirs: $crate::mirror::Field::stored($own),)*)?
                    $($($extra: Default::default(),)*)?
                }
            }

            fn from_message(message: pb::$type) -> Result<Self, &'static str> {
                let pb::$type { $($field,)* $($($theirs,)*)? $($($extra: _,)*)? } = message;
                Ok($type {
                    $($field: $crate::mirror::Field::read($field).ok_or(stringify!($field))?,)*
                    $($($own: $crate::mirror::Field::read($theirs)
                        .ok_or(stringify!($theirs))?,)*)?
                })
            }
        }
    };
}

pub(crate) use mirror;
