//! The settings of the rotary embedding, read from every place that transformers 4 and 5 use: the
//! top level of `config.json`, `rope_scaling` and `rope_parameters`. Contradicting places are an
//! error. Must not know how frequencies are computed from them.

use serde_json::{Map, Value};

use super::keys::{Keys, shown};
use crate::error::LoadError;

/// The rotary embedding of a model, or of some of its layers.
#[derive(Debug, Clone, PartialEq)]
pub struct RopeSettings {
    /// Base of the frequencies.
    pub theta: f64,
    /// Scaling of the frequencies.
    pub scaling: RopeScaling,
    /// Number of rotated elements of a head, from the first on; even.
    pub width: usize,
}

/// Scaling of rotary frequencies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RopeScaling {
    /// No scaling.
    None,
    /// All divided by one factor.
    Linear {
        /// The divisor.
        factor: f64,
    },
    /// Llama 3: low frequencies divided by `factor`, high ones kept, a ramp between.
    Llama3 {
        /// Divisor of the low frequencies.
        factor: f64,
        /// Wavelengths above `original / low` are low frequencies.
        low: f64,
        /// Wavelengths below `original / high` are high frequencies.
        high: f64,
        /// Context the model was trained with, in tokens.
        original: f64,
    },
    /// YaRN: like Llama 3's, by number of rotations; cosines and sines are also multiplied.
    Yarn {
        /// Divisor of the low frequencies.
        factor: f64,
        /// Context the model was trained with, in tokens.
        original: f64,
        /// Number of rotations over the original context above which a frequency is kept.
        fast: f64,
        /// Number of rotations below which it is divided.
        slow: f64,
        /// Whether the ends of the ramp are rounded to integers.
        truncate: bool,
        /// Factor of cosines and sines.
        attention: f64,
    },
}

/// Keys that every kind of scaling has.
const COMMON: [&str; 4] = ["rope_type", "type", "rope_theta", "partial_rotary_factor"];

/// Defaults of the settings.
pub(super) struct Defaults {
    pub(super) theta: f64,
    /// Whether the family allows partial rotation of heads.
    pub(super) partial: bool,
}

/// The merged settings of all places.
struct Merged<'a> {
    keys: &'a Keys<'a>,
    map: Map<String, Value>,
}

impl RopeSettings {
    /// Reads the settings for heads of `head` elements and a context of `context` tokens.
    pub(super) fn read(
        keys: &Keys<'_>,
        defaults: &Defaults,
        head: usize,
        context: usize,
    ) -> Result<Self, LoadError> {
        Merged::of(keys)?.settings(defaults, head, context)
    }
}

impl RopeSettings {
    /// Reads the settings of a family in which layers with a window have their own:
    /// `rope_parameters` by kind of layer, or the settings of the other layers plus
    /// `rope_local_base_freq`.
    pub(super) fn read_both(
        keys: &Keys<'_>,
        defaults: &Defaults,
        local: f64,
        head: usize,
        context: usize,
    ) -> Result<[Self; 2], LoadError> {
        let theta = keys.number("rope_local_base_freq")?.unwrap_or(local);
        let nested = keys
            .object("rope_parameters")?
            .filter(|map| map.values().any(Value::is_object));
        let Some(nested) = nested else {
            let local = Self {
                theta,
                scaling: RopeScaling::None,
                width: head,
            };
            return Ok([Self::read(keys, defaults, head, context)?, local]);
        };
        let one = |kind: &str, theta: f64| {
            let empty = Map::new();
            let own = nested
                .get(kind)
                .and_then(Value::as_object)
                .unwrap_or(&empty);
            let inner = Keys::new(keys.origin, own);
            let mut merged = Merged {
                keys: &inner,
                map: Map::new(),
            };
            own.iter()
                .filter(|(_, value)| !value.is_null())
                .try_for_each(|(key, value)| merged.add(key, value))?;
            merged.settings(&Defaults { theta, ..*defaults }, head, context)
        };
        let unknown =
            |kind: &&String| !matches!(kind.as_str(), "full_attention" | "sliding_attention");
        if let Some(kind) = nested.keys().find(unknown) {
            return Err(keys.wrong(
                "rope_parameters",
                &kind.as_str().into(),
                "full_attention and sliding_attention",
            ));
        }
        Ok([
            one(
                "full_attention",
                keys.number("rope_theta")?.unwrap_or(defaults.theta),
            )?,
            one("sliding_attention", theta)?,
        ])
    }
}

impl<'a> Merged<'a> {
    fn of(keys: &'a Keys<'a>) -> Result<Self, LoadError> {
        let mut merged = Self {
            keys,
            map: Map::new(),
        };
        for place in ["rope_scaling", "rope_parameters"] {
            for (key, value) in keys
                .object(place)?
                .into_iter()
                .flatten()
                .filter(|(_, value)| !value.is_null())
            {
                merged.add(key, value)?;
            }
        }
        for key in [
            "rope_theta",
            "partial_rotary_factor",
            "original_max_position_embeddings",
        ] {
            if let Some(value) = keys.get(key) {
                merged.add(key, value)?;
            }
        }
        Ok(merged)
    }

    fn settings(
        &self,
        defaults: &Defaults,
        head: usize,
        context: usize,
    ) -> Result<RopeSettings, LoadError> {
        let theta = self.number("rope_theta")?.unwrap_or(defaults.theta);
        if !(theta > 0.0 && theta.is_finite()) {
            return Err(self.refused("rope_theta", "a number above zero"));
        }
        let part = self.number("partial_rotary_factor")?.unwrap_or(1.0);
        let width = (head as f64 * part) as usize;
        let known = part == 1.0 || defaults.partial && width.is_multiple_of(2);
        if !(part > 0.0 && part <= 1.0 && known) {
            return Err(self.refused("partial_rotary_factor", "1, for models of this family"));
        }
        Ok(RopeSettings {
            theta,
            scaling: self.scaling(context)?,
            width,
        })
    }

    fn add(&mut self, key: &str, value: &Value) -> Result<(), LoadError> {
        // Older files say `type`, newer ones `rope_type`.
        let key = if key == "type" { "rope_type" } else { key };
        let same =
            |a: &Value, b: &Value| a == b || a.as_f64().is_some_and(|a| b.as_f64() == Some(a));
        match self.map.insert(key.to_owned(), value.clone()) {
            Some(other) if !same(&other, value) => Err(LoadError::Contradiction {
                path: self.keys.origin.to_owned(),
                key: key.to_owned(),
                values: format!("{} and {}", shown(&other), shown(value)),
            }),
            _ => Ok(()),
        }
    }

    fn scaling(&self, context: usize) -> Result<RopeScaling, LoadError> {
        let kind = self
            .map
            .get("rope_type")
            .map_or("default", |kind| kind.as_str().unwrap_or("?"));
        let positive = |key| self.positive(key);
        let original = || {
            let given = self.number("original_max_position_embeddings")?;
            let original = given.unwrap_or(context as f64);
            (original > 0.0)
                .then_some(original)
                .ok_or_else(|| self.refused("original_max_position_embeddings", "above zero"))
        };
        let (scaling, own): (_, &[&str]) = match kind {
            "default" => (RopeScaling::None, &["original_max_position_embeddings"]),
            "linear" => (
                RopeScaling::Linear {
                    factor: positive("factor")?,
                },
                &["factor"],
            ),
            // Scales only texts beyond `max_position_embeddings`, which the engine does not accept;
            // within it there is no scaling.
            "dynamic" => (RopeScaling::None, &["factor"]),
            "llama3" => {
                let (low, high) = (positive("low_freq_factor")?, positive("high_freq_factor")?);
                if high <= low {
                    return Err(self.refused("high_freq_factor", "above low_freq_factor"));
                }
                let scaling = RopeScaling::Llama3 {
                    factor: positive("factor")?,
                    low,
                    high,
                    original: original()?,
                };
                (
                    scaling,
                    &[
                        "factor",
                        "low_freq_factor",
                        "high_freq_factor",
                        "original_max_position_embeddings",
                    ],
                )
            }
            "yarn" => (self.yarn(context, original()?)?, YARN),
            _ => return Err(self.refused("rope_type", "default, linear, dynamic, llama3 or yarn")),
        };
        self.no_others(kind, own)?;
        Ok(scaling)
    }

    fn yarn(&self, context: usize, original: f64) -> Result<RopeScaling, LoadError> {
        let factor = match self.number("factor")? {
            Some(_) => self.positive("factor")?,
            None => context as f64 / original,
        };
        let weight = |scale: f64| {
            if factor <= 1.0 {
                1.0
            } else {
                0.1 * scale * factor.ln() + 1.0
            }
        };
        let some = |key| Ok::<_, LoadError>(self.number(key)?.filter(|scale| *scale != 0.0));
        let attention = match (
            self.number("attention_factor")?,
            some("mscale")?,
            some("mscale_all_dim")?,
        ) {
            (Some(given), ..) => given,
            (None, Some(scale), Some(all)) => weight(scale) / weight(all),
            _ => weight(1.0),
        };
        let truncate = match self.map.get("truncate") {
            None => true,
            Some(value) => value
                .as_bool()
                .ok_or_else(|| self.refused("truncate", "true or false"))?,
        };
        let fast = some("beta_fast")?.unwrap_or(32.0);
        let slow = some("beta_slow")?.unwrap_or(1.0);
        Ok(RopeScaling::Yarn {
            factor,
            original,
            fast,
            slow,
            truncate,
            attention,
        })
    }

    /// Refuses a setting that this kind of scaling does not use, because it would be ignored.
    fn no_others(&self, kind: &str, own: &[&str]) -> Result<(), LoadError> {
        let unused = |(key, value): &(&String, &Value)| {
            let known = COMMON.contains(&key.as_str()) || own.contains(&key.as_str());
            let none = key.as_str() == "factor" && value.as_f64() == Some(1.0)
                || key.as_str() == "finetuned";
            !known && !none
        };
        match self.map.iter().find(unused) {
            // At the top level, the key itself is the setting.
            Some((key, _))
                if key == "original_max_position_embeddings"
                    && self.keys.get("original_max_position_embeddings").is_some() =>
            {
                Ok(())
            }
            Some((key, value)) => Err(LoadError::UnknownSetting {
                path: self.keys.origin.to_owned(),
                key: format!("{key} of rotary scaling {kind}"),
                value: shown(value),
            }),
            None => Ok(()),
        }
    }

    fn number(&self, key: &'static str) -> Result<Option<f64>, LoadError> {
        match self.map.get(key) {
            None => Ok(None),
            Some(value) => value
                .as_f64()
                .map(Some)
                .ok_or_else(|| self.refused(key, "a number")),
        }
    }

    fn positive(&self, key: &'static str) -> Result<f64, LoadError> {
        match self.number(key)? {
            Some(number) if number > 0.0 && number.is_finite() => Ok(number),
            Some(_) => Err(self.refused(key, "a number above zero")),
            None => Err(LoadError::SettingMissing {
                path: self.keys.origin.to_owned(),
                key,
            }),
        }
    }

    fn refused(&self, key: &'static str, wanted: &'static str) -> LoadError {
        self.keys
            .wrong(key, self.map.get(key).unwrap_or(&Value::Null), wanted)
    }
}

/// Keys of YaRN.
const YARN: &[&str] = &[
    "factor",
    "original_max_position_embeddings",
    "attention_factor",
    "beta_fast",
    "beta_slow",
    "mscale",
    "mscale_all_dim",
    "truncate",
];
