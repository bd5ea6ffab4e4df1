//! Inference on CPU.
