//! Kubernetes manifests: read, typed and checked, with every error at its line and column.
//!
//! [`parse`] is the way in. What it gives says nothing about nodes or addresses yet.

mod cidr;
mod config_map;
mod document;
mod environment;
mod error;
mod field;
mod fields;
mod ingress;
mod lab_part;
mod meta;
mod mount;
mod name;
mod network_policy;
mod objects;
mod pod;
mod port;
mod selector;
mod service;
#[cfg(test)]
mod tests;
mod tree;
mod typed;
mod workload;

pub use self::{
    cidr::{Cidr, ParseCidrError},
    config_map::ConfigMap,
    document::Document,
    environment::{EnvFrom, EnvSource, EnvVar, PodFact},
    error::{ManifestError, ManifestErrors},
    field::{Field, Segment},
    ingress::{INGRESS_CLASSES, Ingress, IngressBackend, IngressPath, IngressRule, PathKind},
    lab_part::{documents, lab_part},
    meta::Meta,
    mount::{Mount, Volume},
    network_policy::{NetworkPolicy, PolicyPeer, PolicyPort, PolicyPorts, PolicyRule},
    objects::{Objects, SYSTEM_NAMESPACES, parse},
    pod::{Container, ContainerPort, PodTemplate},
    port::{PortRef, Transport},
    selector::{Labels, Selector},
    service::{ClusterIp, FamilyPolicy, NODE_PORTS, Service, ServicePort},
    tree::{Key, Node, Place, Value},
    workload::{Workload, WorkloadKind},
};
