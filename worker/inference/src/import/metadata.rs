//! Typed access to the metadata of a GGUF file: what is wrong is said with its key.

use std::collections::BTreeMap;

use super::ImportError;
use super::gguf::Value;

/// Typed access to metadata, with the key in every error.
pub(super) struct Metadata<'a>(pub(super) &'a BTreeMap<String, Value>);

impl Metadata<'_> {
    pub(super) fn number(&self, key: &str) -> Result<Option<usize>, ImportError> {
        let wrong = || ImportError::WrongKind { key: key.to_owned(), wanted: "a number" };
        match self.0.get(key) {
            None => Ok(None),
            Some(&Value::Unsigned(n)) => usize::try_from(n).map(Some).map_err(|_| wrong()),
            Some(&Value::Signed(n)) => usize::try_from(n).map(Some).map_err(|_| wrong()),
            Some(_) => Err(wrong()),
        }
    }

    pub(super) fn float(&self, key: &str) -> Result<Option<f64>, ImportError> {
        match self.0.get(key) {
            None => Ok(None),
            Some(&Value::Float(x)) => Ok(Some(x)),
            Some(_) => Err(ImportError::WrongKind { key: key.to_owned(), wanted: "a fraction" }),
        }
    }

    pub(super) fn text(&self, key: &str) -> Result<Option<&str>, ImportError> {
        match self.0.get(key) {
            None => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(ImportError::WrongKind { key: key.to_owned(), wanted: "a text" }),
        }
    }

    pub(super) fn list(&self, key: &str) -> Result<&[Value], ImportError> {
        match self.0.get(key) {
            Some(Value::Array(values)) => Ok(values),
            Some(_) => Err(ImportError::WrongKind { key: key.to_owned(), wanted: "a list" }),
            None => Err(missing(key)),
        }
    }

    /// A size: at least 1, and small enough that products of two cannot overflow.
    pub(super) fn size(&self, key: &str) -> Result<usize, ImportError> {
        match self.number(key)?.ok_or_else(|| missing(key))? {
            n @ 1..=0x7fff_ffff => Ok(n),
            _ => Err(ImportError::WrongKind { key: key.to_owned(), wanted: "a size" }),
        }
    }
}

pub(super) fn missing(key: &str) -> ImportError {
    ImportError::Missing { key: key.to_owned() }
}
