//! What a run added to hosts: in the ledger before it is there, and taken away again in the other order.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;

use crate::{
    cluster::microk8s::{Added, Notes},
    ledger::{Entry, LedgerError, ReapError, Reaper, Record, Resource},
    provider::{
        Machine as _, MachineError,
        existing::{self, CLAIM, ExistingHost},
    },
};

/// Removes a snap. An installation that was cut off goes on in snapd, which would bring it later: it is aborted first.
const REMOVE_SNAP: &str = r#"command -v snap >/dev/null || exit 0
for look in $(seq 240); do
    change=$(snap changes 2>/dev/null |
        awk -v name="\"$1\"" '$2 ~ /^(Do|Doing|Undo|Undoing|Abort)$/ && index($0, name) { print $1; exit }')
    if [ -n "$change" ]; then
        snap abort "$change" >/dev/null 2>&1
        sleep 3
        continue
    fi
    said=$(snap remove --purge "$1" 2>&1) && exit 0
    case $said in
    *'is not installed'*) exit 0 ;;
    *'change in progress'* | *'too early for operation'*) sleep 3 ;;
    *) break ;;
    esac
done
echo "$said" >&2
exit 1"#;

/// What a run added to hosts.
pub(super) struct Held {
    entry: Entry,
    /// The hosts by their own names.
    hosts: BTreeMap<String, Arc<ExistingHost>>,
    added: Mutex<Vec<Addition>>,
}

/// Something that was added.
struct Addition {
    machine: String,
    resource: Resource,
    lasts: Lasts,
}

/// How long something that was added stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lasts {
    /// For one cluster of the plan.
    Life,
    /// For all that take turns on the host.
    Turns,
}

impl Held {
    pub(super) fn new(entry: Entry, hosts: impl Iterator<Item = Arc<ExistingHost>>) -> Self {
        let hosts = hosts.map(|host| (host.name().to_owned(), host)).collect();
        Self { entry, hosts, added: Mutex::default() }
    }

    /// Claims a host for the run, unless it is claimed already.
    pub(super) async fn claim(&self, host: &ExistingHost) -> Result<(), ClaimError> {
        let removal = ["rm", "-f", CLAIM].map(str::to_owned).to_vec();
        if self.is_held(host.name(), &removal) {
            return Ok(());
        }
        self.add(host.name(), "the lab's claim".to_owned(), removal.clone(), Lasts::Turns)?;
        if let Some(lab) = existing::claim(host, &self.entry.record().id).await? {
            self.forget(host.name(), &removal)?;
            return Err(ClaimError::Another { host: host.destination().to_string(), lab });
        }
        Ok(())
    }

    /// Writes down what is about to be added to a host; named again, it comes last.
    pub(super) fn add(
        &self,
        machine: &str,
        what: String,
        removal: Vec<String>,
        lasts: Lasts,
    ) -> Result<(), LedgerError> {
        let Some(host) = self.hosts.get(machine) else { return Ok(()) };
        let resource = Resource::OnHost { host: host.destination().to_string(), what, removal };
        let mut added = self.added();
        if let Some(at) = added.iter().position(|one| one.resource == resource) {
            self.entry.comes_last(&resource)?;
            let again = added.remove(at);
            added.push(again);
        } else {
            self.entry.created(&resource)?;
            added.push(Addition { machine: machine.to_owned(), resource, lasts });
        }
        Ok(())
    }

    /// Takes away what was added to these hosts and lasts no longer than `lasts`, the newest first; goes on after what
    /// fails, and returns all that failed.
    pub(super) async fn take_away(&self, machines: &[&str], lasts: Lasts) -> Vec<String> {
        let chosen: Vec<Resource> = {
            let added = self.added();
            let here = added.iter().filter(|one| machines.contains(&one.machine.as_str()) && one.lasts <= lasts);
            here.rev().map(|one| one.resource.clone()).collect()
        };
        let (record, mut failed) = (self.entry.record(), Vec::new());
        for resource in chosen {
            match self.reap(&record, &resource).await {
                Ok(()) => {
                    self.added().retain(|one| one.resource != resource);
                    failed.extend(self.entry.removed(&resource).err().map(|error| error.to_string()));
                }
                Err(error) => failed.push(format!("{resource}: {error}")),
            }
        }
        failed
    }

    /// Takes away all that is left, and the run from the ledger.
    pub(super) async fn end(self) -> Option<String> {
        let Self { entry, hosts, .. } = self;
        let reaper = Connected { hosts };
        entry.take_down(&reaper).await.err().map(|remains| format!("{remains}\n`lab gc` tries again"))
    }

    async fn reap(&self, record: &Record, resource: &Resource) -> Result<(), ReapError> {
        reap(&self.hosts, record, resource).await
    }

    fn is_held(&self, machine: &str, wanted: &[String]) -> bool {
        let is = |one: &Addition| matches!(&one.resource, Resource::OnHost { removal, .. } if removal == wanted);
        self.added().iter().any(|one| one.machine == machine && is(one))
    }

    fn forget(&self, machine: &str, wanted: &[String]) -> Result<(), LedgerError> {
        let mut added = self.added();
        let is = |one: &Addition| {
            let same = matches!(&one.resource, Resource::OnHost { removal, .. } if removal == wanted);
            one.machine == machine && same
        };
        if let Some(at) = added.iter().position(is) {
            let gone = added.remove(at);
            self.entry.removed(&gone.resource)?;
        }
        Ok(())
    }

    fn added(&self) -> MutexGuard<'_, Vec<Addition>> {
        self.added.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Notes for Held {
    fn note(&self, machine: &str, one: &Added) -> Result<(), String> {
        let lasts = match one {
            Added::Folder(_) | Added::Object(_) => Lasts::Life,
            _ => Lasts::Turns,
        };
        let removal = match one {
            Added::Snap(name) => vec!["sh", "-c", REMOVE_SNAP, "sh", name],
            other => other.removal(),
        };
        let removal = removal.into_iter().map(str::to_owned).collect();
        self.add(machine, one.to_string(), removal, lasts).map_err(|error| error.to_string())
    }
}

/// Why a host is not the run's.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClaimError {
    /// Somebody was faster.
    #[error("{host} is held by the lab {lab} by now")]
    Another { host: String, lab: String },
    #[error(transparent)]
    Machine(#[from] MachineError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Takes away from hosts that are connected.
struct Connected {
    hosts: BTreeMap<String, Arc<ExistingHost>>,
}

#[async_trait]
impl Reaper for Connected {
    async fn reap(&self, record: &Record, resource: &Resource) -> Result<(), ReapError> {
        reap(&self.hosts, record, resource).await
    }
}

async fn reap(
    hosts: &BTreeMap<String, Arc<ExistingHost>>,
    record: &Record,
    resource: &Resource,
) -> Result<(), ReapError> {
    let Resource::OnHost { host, removal, .. } = resource else { return Err(ReapError::Unknown) };
    match hosts.values().find(|known| known.destination().to_string() == *host) {
        Some(machine) => existing::remove(&**machine, &record.id, removal).await,
        None => existing::reap(record, host, removal).await,
    }
}
