//! What the tests that need real namespaces share.

pub mod cluster;
pub mod netns;
