//! Forms: how tables, sentences and lists look on a sheet of 80 columns, in HTML, Markdown, JUnit's
//! XML and JSON. A table is rendered once a form. Must not know what is said.

pub(crate) mod html;
pub(crate) mod json;
pub(crate) mod junit;
pub(crate) mod markdown;
pub(crate) mod text;
