//! What runs the manifests on the machines.

pub mod dataplane;
pub mod image;
pub mod kube;
pub mod manifest;
pub mod workload;
