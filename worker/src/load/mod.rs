//! Offered load from small parts: when requests are due ([`arrival`]), what they ask ([`prompt`],
//! [`requests`]), when enough is enough ([`stop`]), one stretch of it ([`phase`]), and the loop
//! that offers it ([`driver`]). It must not know engines beyond their border, nor sessions.

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
