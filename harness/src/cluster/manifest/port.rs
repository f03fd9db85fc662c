//! Ports and transport protocols of manifests.

use std::{fmt, sync::Arc};

use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::{document::Document, error::ManifestError, field::Field, name::NameKind};

/// TCP or UDP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Transport {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// A port by number or by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PortRef {
    /// By number.
    Number(u16),
    /// By the name that a container or a service gives it.
    Name(String),
}

impl Transport {
    /// The name that iptables uses: `tcp`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }

    /// A protocol of a document; TCP when there is none.
    pub fn read(document: &Arc<Document>, field: &Field, word: Option<&str>) -> Result<Self, ManifestError> {
        match word.unwrap_or("TCP") {
            "TCP" => Ok(Self::Tcp),
            "UDP" => Ok(Self::Udp),
            "SCTP" => Err(document.error(field, "SCTP is not implemented by the lab")),
            other => Err(document.error(field, format!("`{other}` is no protocol; expected TCP or UDP"))),
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Display for PortRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => f.pad(name),
        }
    }
}

/// A port number of a document: 1 to 65535.
pub fn number(document: &Arc<Document>, field: &Field, number: i32) -> Result<u16, ManifestError> {
    u16::try_from(number)
        .ok()
        .filter(|port| *port > 0)
        .ok_or_else(|| document.error(field, format!("{number} is no port; expected 1 to 65535")))
}

/// A port name of a document.
pub fn name(document: &Arc<Document>, field: &Field, name: &str) -> Result<String, ManifestError> {
    match NameKind::Port.problem(name) {
        Some(problem) => Err(document.error(field, format!("`{name}` is no valid port name: it {problem}"))),
        None => Ok(name.to_owned()),
    }
}

/// A port of a document by number or name.
pub fn reference(document: &Arc<Document>, field: &Field, port: &IntOrString) -> Result<PortRef, ManifestError> {
    match port {
        IntOrString::Int(value) => number(document, field, *value).map(PortRef::Number),
        IntOrString::String(value) => name(document, field, value).map(PortRef::Name),
    }
}
