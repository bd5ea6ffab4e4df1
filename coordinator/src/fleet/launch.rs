//! Starting host agents. A launcher starts and stops agents and nothing else: what they do is said over their sessions.

pub mod local;
