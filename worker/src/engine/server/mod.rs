//! Engines that are programs of their own.

pub mod openai;
