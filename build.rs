//! Placeholder until the protos exist.
fn main() {}
