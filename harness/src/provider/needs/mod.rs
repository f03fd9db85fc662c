//! What a provider needs from this machine, whether it is there, and how to get it.
//!
//! [`missing_programs`] only looks for files and is quick enough for every run; [`check_netns`] really makes
//! namespaces and tries the kernel in them, for `lab doctor` and for explaining why a lab could not be built.

mod kernel;
mod kvm;
mod libvirtd;
mod namespaces;
mod programs;

use serde::Serialize;

use super::libvirt::LibvirtOptions;

use kvm::Opener;
pub use programs::find_program;
use programs::{Group, check_programs};

/// One thing that a provider needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What it is, in a word or two.
    pub name: String,
    /// Whether it is there.
    pub status: Status,
    /// What was found.
    pub detail: String,
    /// How to get it; none when there is nothing to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
}

/// Whether something needed is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is.
    Ok,
    /// It is not, and the provider cannot run.
    Missing,
    /// It is not, and the provider runs with less.
    Warning,
}

impl Status {
    /// The word in the texts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Missing => "missing",
            Self::Warning => "warning",
        }
    }
}

impl Check {
    fn ok(name: &str, detail: impl Into<String>) -> Self {
        Self { name: name.to_owned(), status: Status::Ok, detail: detail.into(), fix: None }
    }

    fn lacking(name: &str, status: Status, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name: name.to_owned(), status, detail: detail.into(), fix: Some(fix.into()) }
    }
}

/// Whether a provider with these checks can run.
#[must_use]
pub fn is_ready(checks: &[Check]) -> bool {
    checks.iter().all(|check| check.status != Status::Missing)
}

/// Everything that the `netns` provider needs; makes namespaces and tries the kernel in them.
#[must_use]
pub fn check_netns() -> Vec<Check> {
    let mut checks = check_programs(Group::Netns);
    let attempt = namespaces::attempt(kernel::TRIALS);
    checks.push(namespaces::judge(&attempt, &namespaces::Facts::of_this_machine()));
    if let Ok(answers) = &attempt {
        checks.extend(kernel::judge(answers));
    }
    checks
}

/// The required programs of the `netns` provider that this machine lacks; takes less than a millisecond.
#[must_use]
pub fn missing_programs() -> Vec<Check> {
    check_programs(Group::Netns).into_iter().filter(|check| check.status == Status::Missing).collect()
}

/// Everything that the `libvirt` provider needs, with the libvirt at this URI.
#[must_use]
pub fn check_libvirt(uri: &str) -> Vec<Check> {
    let mut checks = check_programs(Group::Libvirt);
    if find_program("virsh").is_some() {
        checks.push(libvirtd::check(uri));
    }
    // Images that are downloaded need none of these.
    let building = check_programs(Group::Image).into_iter().filter(|check| check.name != "qemu-img");
    checks.extend(building.map(|check| match check.status {
        Status::Missing => Check { status: Status::Warning, ..check },
        _ => check,
    }));
    let opener = if of_session(uri) { Opener::User } else { Opener::Service };
    checks.push(kvm::check(Status::Warning, opener));
    checks
}

/// Whether it is the libvirt of this user alone, whose QEMU is this user's too.
fn of_session(uri: &str) -> bool {
    LibvirtOptions { uri: uri.to_owned(), ..LibvirtOptions::default() }.is_session()
}

/// Everything that the `multipass` provider needs.
#[must_use]
pub fn check_multipass() -> Vec<Check> {
    let mut checks = check_programs(Group::Multipass);
    checks.push(kvm::check(Status::Missing, Opener::User));
    checks
}

/// Everything that the `ssh` provider needs here.
#[must_use]
pub fn check_ssh() -> Vec<Check> {
    check_programs(Group::Ssh)
}
