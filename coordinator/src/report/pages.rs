//! A whole comparison in one form: an HTML page, a Markdown comment, test results for build
//! servers. Must not decide anything.

pub(crate) mod capacity;
pub(crate) mod html;
pub(crate) mod junit;
pub(crate) mod markdown;
