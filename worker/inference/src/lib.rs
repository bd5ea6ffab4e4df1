//! Inference of language models on CPU: weights mapped as stored, continuous batching over a paged
//! KV cache, tokens that depend only on the model and the request. The caller drives the engine
//! step by step; the engine opens no connection, reads no clock and prints nothing.

mod aligned;
mod architecture;
pub mod batcher;
mod bytelevel;
pub mod config;
pub mod detok;
mod directory;
pub mod error;
pub mod files;
mod finite;
mod format;
mod forward;
pub mod import;
mod int8;
pub mod json;
mod json_error;
pub mod kernels;
mod kv;
mod layer;
mod mapping;
pub mod model;
mod opened;
mod pages;
mod pass;
mod products;
pub mod request;
mod rope;
pub mod sampling;
pub mod score;
mod shared;
pub mod synth;
mod team;
mod template;
pub mod tokenizer;
pub mod weights;
