//! Inference of language models on CPU: weights mapped as stored, continuous batching over a paged
//! KV cache, tokens that depend on nothing but the model and the request. The engine is driven step
//! by step by its caller; it opens no connection, reads no clock and prints nothing.

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
