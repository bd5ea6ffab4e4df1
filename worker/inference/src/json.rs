//! Reads JSON files that other programs wrote, and refuses what two readers could interpret
//! differently: duplicate keys, non-JSON numbers, other encodings, and Git LFS pointers. Must not
//! know what the values mean.

use std::fmt;
use std::path::Path;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::error::LoadError;
pub use crate::json_error::JsonError;
use crate::opened;

/// Beginning of a Git LFS pointer.
const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

/// Reads a file.
///
/// # Errors
/// The file does not exist, cannot be read or is not JSON, each with its path.
pub(crate) fn read(path: &Path) -> Result<Value, LoadError> {
    let unread = |source| LoadError::Io {
        path: path.to_owned(),
        source,
    };
    let bytes = opened::bytes(path, opened::JSON).map_err(unread)?;
    parse(&bytes).map_err(|source| LoadError::NotJson {
        path: path.to_owned(),
        source,
    })
}

/// Whether a file begins like a Git LFS pointer.
pub(crate) fn is_pointer(beginning: &[u8]) -> bool {
    beginning.starts_with(POINTER)
}

/// Parses a whole text.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    match bytes {
        [] => return Err(JsonError::Empty),
        [0xef, 0xbb, 0xbf, ..] => return Err(JsonError::ByteOrderMark),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, ..] | [_, 0, ..] => {
            return Err(JsonError::Utf16);
        }
        pointer if is_pointer(pointer) => return Err(JsonError::Pointer),
        _ => {}
    }
    let mut twice = None;
    let mut parser = serde_json::Deserializer::from_slice(bytes);
    let parsed = Once(&mut twice)
        .deserialize(&mut parser)
        .and_then(|value| parser.end().map(|()| value));
    parsed.map_err(|error| match twice {
        Some(key) => JsonError::Twice { key },
        None if not_finite(bytes, &error) => JsonError::NotFinite,
        None => JsonError::Syntax {
            reason: error.to_string(),
        },
    })
}

/// Whether the parser stopped at NaN or Infinity.
fn not_finite(bytes: &[u8], error: &serde_json::Error) -> bool {
    let line = bytes
        .split(|&byte| byte == b'\n')
        .nth(error.line().saturating_sub(1))
        .unwrap_or_default();
    let from = error.column().saturating_sub(2).min(line.len());
    let rest = line[from..].trim_ascii_start();
    let rest = rest.strip_prefix(b"-").unwrap_or(rest);
    [&b"NaN"[..], b"Infinity"]
        .iter()
        .any(|word| rest.starts_with(word) || rest.starts_with(&word[1..]))
}

/// Parses a value, and records the first duplicate key of any of its maps.
struct Once<'a>(&'a mut Option<String>);

impl<'de> DeserializeSeed<'de> for Once<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Once<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut list = Vec::with_capacity(seq.size_hint().unwrap_or(0).min(1 << 16));
        while let Some(value) = seq.next_element_seed(Once(&mut *self.0))? {
            list.push(value);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let value = map.next_value_seed(Once(&mut *self.0))?;
            if entries.contains_key(&key) {
                let error = A::Error::custom("a key is given twice");
                self.0.get_or_insert(key);
                return Err(error);
            }
            entries.insert(key, value);
        }
        Ok(Value::Object(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_json_is_read_as_it_stands() {
        let text = br#"{"a": [1, -2, 2.5, "x", null, true], "b": {"a": 18446744073709551615}}"#;
        assert_eq!(
            parse(text).unwrap(),
            serde_json::from_slice::<Value>(text).unwrap()
        );
    }

    #[test]
    fn each_oddity_has_a_sentence_of_its_own() {
        let twice = |key: &str| JsonError::Twice {
            key: key.to_owned(),
        };
        for (text, error) in [
            (&b""[..], JsonError::Empty),
            (b"\xef\xbb\xbf{}", JsonError::ByteOrderMark),
            (b"\xff\xfe{\0}\0", JsonError::Utf16),
            (b"{\0}\0", JsonError::Utf16),
            (
                b"version https://git-lfs.github.com/spec/v1\noid sha256:00",
                JsonError::Pointer,
            ),
            (br#"{"a": 1, "a": 1}"#, twice("a")),
            (br#"{"x": [{"b": 1, "b": 2}]}"#, twice("b")),
            (br#"{"a": NaN}"#, JsonError::NotFinite),
            (b"{\n \"a\": [0.0, Infinity]\n}", JsonError::NotFinite),
            (b"{\"a\":-Infinity}", JsonError::NotFinite),
        ] {
            assert_eq!(parse(text), Err(error), "{}", String::from_utf8_lossy(text));
        }
        assert!(matches!(
            parse(b"{\"a\": nonsense}"),
            Err(JsonError::Syntax { .. })
        ));
        assert!(matches!(parse(b"{} x"), Err(JsonError::Syntax { .. })));
    }
}
