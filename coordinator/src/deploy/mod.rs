//! What other schedulers need to start agents: texts, nothing else. Owns the manifests for
//! Kubernetes; must not start anything or talk to a cluster (`kubectl` is the user's).

pub mod kubernetes;
