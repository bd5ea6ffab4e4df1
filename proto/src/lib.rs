//! The contract between coordinator and worker: what they say to each other and what they mean by
//! it.
//!
//! Owns the words both sides share: [`id`]entities of runs, trials and slots, the [`spec`] of a
//! load, the closed set of [`metric`]s with their [`histogram`]s, the measured [`part`], the
//! [`identity`] of builds and hosts, and the session [`message`]s and the [`credentials`] that open
//! one, what is written about a [`run`] and what is added to it later ([`addendum`]), the
//! [`descriptors`] that sessions take on either side, the [`output`] that exit codes do not depend
//! on, how [`files`] that somebody names are opened, whether a [`hangup`] is to be ignored, and how
//! [`text`] of others is shown and a word quoted for a [`shell`]. With the feature `wire` it also
//! owns which program a [`command`] is, the formats of traces and prompt files ([`prompt_files`])
//! and the one reader of text files ([`source`]), the one translation of messages to protobuf
//! ([`wire`]) and the stored [`record`]; generated types never leave those two modules. It must not know how load is generated, where
//! records are kept, or what is concluded from them.

pub mod addendum;
pub mod credentials;
pub mod descriptors;
pub mod envelope;
pub mod files;
pub mod hangup;
pub mod histogram;
pub mod id;
pub mod identity;
pub mod message;
pub mod metric;
mod nanos;
pub mod output;
pub mod part;
pub mod run;
pub mod shell;
pub mod spec;
pub mod text;

#[cfg(feature = "wire")]
pub mod command;
#[cfg(feature = "wire")]
mod mirror;
#[cfg(feature = "wire")]
pub mod prompt_files;
#[cfg(feature = "wire")]
pub mod record;
#[cfg(feature = "wire")]
pub mod source;
#[cfg(feature = "wire")]
pub mod wire;

/// The session protocol's number. Raised whenever an older peer could misunderstand a newer one.
pub const PROTOCOL: u32 = 3;
