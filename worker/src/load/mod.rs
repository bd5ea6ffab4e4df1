//! Offered load from small parts: when requests are due ([`arrival`]), their content ([`prompt`],
//! [`requests`]), when to stop ([`stop`]), one stretch of load ([`phase`]), and the loop that
//! offers it ([`driver`]). Must not know engines beyond their trait, nor sessions.

pub mod arrival;
pub mod control;
mod draw;
pub mod driver;
mod error;
pub mod files;
pub mod inbox;
mod maker;
pub mod phase;
pub mod prompt;
pub mod requests;
mod saturation;
mod schedule;
pub mod stop;
mod texts;

#[cfg(feature = "native")]
pub(crate) use texts::EVALUATION;
