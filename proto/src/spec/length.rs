//! Lengths of prompts and answers, in the model's own tokens: a number, a name, or a distribution.
//! Must not know what draws from it.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A length in tokens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Length {
    /// Always the same.
    Fixed(u32),
    /// Drawn for every request.
    Drawn(Distribution),
}

/// A distribution of lengths.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Distribution {
    /// All lengths equally likely.
    Uniform {
        /// Shortest length.
        min: u32,
        /// Greatest length.
        max: u32,
    },
    /// Normal; values outside the bounds are set to the bound.
    Normal {
        /// Mean of the distribution without bounds.
        mean: f64,
        /// Standard deviation of the distribution without bounds.
        sd: f64,
        /// Shortest length.
        min: u32,
        /// Greatest length.
        max: u32,
    },
    /// Lognormal, with a long tail; values outside the bounds are set to the bound.
    Lognormal {
        /// Mean of the lengths themselves, of the distribution without bounds.
        mean: f64,
        /// Standard deviation of the lengths themselves, of the distribution without bounds.
        sd: f64,
        /// Shortest length.
        min: u32,
        /// Greatest length.
        max: u32,
    },
}

/// Named lengths in plans: the original crate's short, medium and long prompt.
pub const NAMED: [(&str, u32); 3] = [("short", 16), ("medium", 128), ("long", 512)];

impl Length {
    /// Greatest possible length.
    #[must_use]
    pub fn max(self) -> u32 {
        match self {
            Self::Fixed(tokens) => tokens,
            Self::Drawn(distribution) => distribution.bounds().1,
        }
    }

    /// Least possible length.
    #[must_use]
    pub fn min(self) -> u32 {
        match self {
            Self::Fixed(tokens) => tokens,
            Self::Drawn(distribution) => distribution.bounds().0,
        }
    }
}

impl Distribution {
    /// Least and greatest possible length.
    #[must_use]
    pub fn bounds(self) -> (u32, u32) {
        match self {
            Self::Uniform { min, max }
            | Self::Normal { min, max, .. }
            | Self::Lognormal { min, max, .. } => (min, max),
        }
    }
}

impl From<u32> for Length {
    fn from(tokens: u32) -> Self {
        Self::Fixed(tokens)
    }
}

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Fixed(tokens) => write!(f, "{tokens}"),
            Self::Drawn(distribution) => {
                let (min, max) = distribution.bounds();
                write!(f, "{min} to {max}")
            }
        }
    }
}

impl Serialize for Length {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Fixed(tokens) => tokens.serialize(serializer),
            Self::Drawn(distribution) => distribution.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Written)
    }
}

/// A length as plans write it.
struct Written;

impl<'de> Visitor<'de> for Written {
    type Value = Length;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of tokens, `short`, `medium`, `long`, or a distribution")
    }

    fn visit_u64<E: Error>(self, tokens: u64) -> Result<Length, E> {
        u32::try_from(tokens)
            .map(Length::Fixed)
            .map_err(|_| E::invalid_value(Unexpected::Unsigned(tokens), &self))
    }

    fn visit_i64<E: Error>(self, tokens: i64) -> Result<Length, E> {
        u32::try_from(tokens)
            .map(Length::Fixed)
            .map_err(|_| E::invalid_value(Unexpected::Signed(tokens), &self))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Length, E> {
        const NAMES: &[&str] = &[NAMED[0].0, NAMED[1].0, NAMED[2].0];
        let named = NAMED.iter().find(|(known, _)| *known == name);
        named
            .map(|(_, tokens)| Length::Fixed(*tokens))
            .ok_or_else(|| E::unknown_variant(name, NAMES))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Length, A::Error> {
        Distribution::deserialize(MapAccessDeserializer::new(map)).map(Length::Drawn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Length, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn numbers_names_and_distributions_are_read_and_written() {
        assert_eq!(read("7"), Ok(Length::Fixed(7)));
        assert_eq!(read("\"long\""), Ok(Length::Fixed(512)));
        let drawn = read(r#"{"kind":"normal","mean":20,"sd":4.5,"min":1,"max":64}"#)
            .expect("a distribution");
        assert_eq!(
            (drawn.min(), drawn.max(), drawn.to_string().as_str()),
            (1, 64, "1 to 64")
        );
        assert_eq!(
            read(&serde_json::to_string(&drawn).expect("serialises")),
            Ok(drawn)
        );
    }

    #[test]
    fn what_is_no_length_is_refused() {
        for (json, sentence) in [
            ("-1", "invalid value: integer `-1`"),
            (
                "\"huge\"",
                "unknown variant `huge`, expected one of `short`, `medium`, `long`",
            ),
            (
                r#"{"kind":"uniform","min":1,"max":2,"mean":1}"#,
                "unknown field `mean`",
            ),
        ] {
            let error = read(json).expect_err(json);
            assert!(error.contains(sentence), "{error}");
        }
    }
}
