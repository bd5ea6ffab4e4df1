//! The contract between coordinator and worker: their messages and the meaning of each.
//!
//! Owns the types that both sides share: [`id`]entities of runs, trials and slots; the [`spec`] of
//! a load; the closed set of [`metric`]s with their [`histogram`]s; the measured [`part`]; the
//! [`identity`] of builds and hosts; session [`message`]s and the [`credentials`] that open a
//! session; the messages of an [`engine`] that is a separate program; the record of a [`run`] and
//! its additions ([`addendum`]). It also owns helpers that both sides need: the limit of file
//! [`descriptors`], [`output`] that must not change exit codes, opening [`files`] that users name,
//! detecting an ignored [`hangup`], making foreign [`text`] harmless, and quoting for a [`shell`].
//! With the feature `wire` it also owns identifying the program of a [`command`], the formats of
//! traces and prompt files ([`prompt_files`]), the one reader of text files ([`source`]), the one
//! translation of messages to protobuf ([`wire`]) and the stored [`record`]; generated types never
//! leave the last two modules. It must not know how load is generated, where records are stored, or
//! what is concluded from them.

pub mod addendum;
pub mod credentials;
pub mod descriptors;
pub mod engine;
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

/// Version of the session protocol. Raised whenever an older peer could misunderstand a newer one.
pub const PROTOCOL: u32 = 3;
