//! JSON documents, one for each command. Owns what they have in common; must not know their
//! content.

use std::io::{self, Write};

use contract::text;
use serde::Serialize;
use serde_json::json;
use serde_json::ser::Formatter;

use crate::report::document::SCHEMA_VERSION;

/// Writes JSON documents.
pub struct Json<'a> {
    out: &'a mut (dyn Write + Send),
}

impl<'a> Json<'a> {
    pub(crate) fn new(out: &'a mut (dyn Write + Send)) -> Self {
        Self { out }
    }

    /// Writes a document unchanged.
    pub(crate) fn document(&mut self, document: &impl Serialize) -> io::Result<()> {
        let mut writer = serde_json::Serializer::with_formatter(&mut *self.out, Harmless);
        document.serialize(&mut writer)?;
        writeln!(self.out)
    }

    /// A small document: version, kind, and one field named after the kind.
    pub(crate) fn answer(&mut self, kind: &str, value: impl Serialize) -> io::Result<()> {
        self.document(&json!({ "schema_version": SCHEMA_VERSION, "kind": kind, kind: value }))
    }
}

/// Compact JSON that escapes every control character, so that no string can control a terminal.
struct Harmless;

impl Formatter for Harmless {
    fn write_string_fragment<W: Write + ?Sized>(
        &mut self,
        to: &mut W,
        text: &str,
    ) -> io::Result<()> {
        to.write_all(text::json(text).as_bytes())
    }
}
