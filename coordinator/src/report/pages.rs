//! A comparison put together in one form: a page of everything in HTML, a comment in Markdown,
//! test results for build servers. Must not decide anything.

pub(crate) mod html;
pub(crate) mod junit;
pub(crate) mod markdown;
