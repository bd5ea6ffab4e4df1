//! What other schedulers need to start agents: only texts. Owns the manifests for Kubernetes; must
//! not start anything or talk to a cluster (the user runs `kubectl`).

pub mod kubernetes;
