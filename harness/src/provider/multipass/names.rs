//! Names of a lab's instances.
//!
//! Multipass keeps nothing with an instance that could say whose it is, so its name does.

use sha2::{Digest as _, Sha256};

use crate::{hex, ledger::Record};

/// The instance that is a machine of this lab.
pub(super) fn instance(record: &Record, machine: &str) -> String {
    format!("{}{machine}", prefix(record))
}

/// The machine of this lab that an instance is; none when it is not this lab's.
pub(super) fn machine<'a>(record: &Record, instance: &'a str) -> Option<&'a str> {
    instance.strip_prefix(&prefix(record)).filter(|machine| !machine.is_empty())
}

fn prefix(record: &Record) -> String {
    let hash = Sha256::digest(format!("pathlab {} multipass", record.id));
    format!("pathlab-{}-", hex::of(&hash[..5]))
}

#[cfg(test)]
mod tests {
    use super::{instance, machine};
    use crate::ledger::{About, Ledger};

    #[test]
    fn an_instance_is_one_labs_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let ledger = Ledger::at(camino::Utf8Path::from_path(folder.path()).expect("UTF-8").join("labs"));
        let record = |name: &str| {
            let entry = ledger.create(&name.parse().expect("a name"), About::new("multipass")).expect("new");
            entry.record()
        };
        let (one, other) = (record("one"), record("other"));
        let name = instance(&one, "rhel-9-5-1");
        assert_eq!((machine(&one, &name), machine(&other, &name)), (Some("rhel-9-5-1"), None));
        assert_eq!(machine(&one, "rhel-9-5-1"), None);
    }
}
