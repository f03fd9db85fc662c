//! While nodes join, their machines let each other in past their own firewalls, as the nodes of a `kubernetes` cluster do:
//! joining is not what is under test. All of it is taken back once every node is ready.

use std::net::IpAddr;

use super::{added::Added, additions::Additions, error::MicroK8sError, node::Node};
use crate::catalog::distro::FirewallKind;

/// Which firewall runs.
const WHICH: &str = "if firewall-cmd --state >/dev/null 2>&1; then echo firewalld
elif ufw status 2>/dev/null | grep -q '^Status: active'; then echo ufw
else echo none; fi";

/// Whether somebody has said already what becomes of an address.
const DECIDED: [&str; 2] = [
    r#"firewall-cmd --get-zone-of-source="$1" >/dev/null 2>&1"#,
    r#"ufw show added | grep -qF "ufw allow from $1" || exit 1"#,
];

/// Lets an address in; firewalld forgets it with the next reload.
const OPEN: [&str; 2] = [r#"firewall-cmd --zone=trusted --add-source="$1""#, r#"ufw prepend allow from "$1""#];

/// Takes that back where it is so.
const CLOSE: [&str; 2] = [
    r#"firewall-cmd --zone=trusted --query-source="$1" >/dev/null 2>&1 || exit 0
firewall-cmd --zone=trusted --remove-source="$1""#,
    r#"ufw show added 2>/dev/null | grep -qxF "ufw allow from $1" || exit 0
ufw delete allow from "$1""#,
];

/// Lets addresses in to a machine whose firewall runs, except where somebody has decided that already.
pub(super) async fn admit(
    node: Node<'_>,
    others: impl Iterator<Item = IpAddr>,
    added: &mut dyn Additions,
) -> Result<(), MicroK8sError> {
    let which = |said: &str| match said.trim() {
        "firewalld" => Ok(Some(FirewallKind::Firewalld)),
        "ufw" => Ok(Some(FirewallKind::Ufw)),
        "none" => Ok(None),
        other => Err(format!("`{other}` is no firewall")),
    };
    let Some(firewall) = node.ask(&["sh", "-c", WHICH], which).await? else { return Ok(()) };
    for address in others.map(|address| address.to_string()) {
        if node.holds(&of(&DECIDED, firewall, &address)).await? {
            continue;
        }
        added.add(Added::Admission(firewall, address.clone()))?;
        node.done(&of(&OPEN, firewall, &address), node.limits().question).await?;
    }
    Ok(())
}

/// Takes back what [`admit`] did on a machine; all of it, even where one fails.
pub(super) async fn dismiss(node: Node<'_>, added: &mut Vec<Added>) -> Result<(), MicroK8sError> {
    let (mut failed, mut left) = (None, Vec::new());
    for one in added.drain(..) {
        if !matches!(one, Added::Admission(..)) {
            left.push(one);
        } else if let Err(error) = node.done(&one.removal(), node.limits().question).await {
            failed = Some(error);
            left.push(one);
        }
    }
    *added = left;
    failed.map_or(Ok(()), |error| Err(error.into()))
}

/// The command that shuts an address out again; it ends well where it is not let in.
pub(super) fn removal(firewall: FirewallKind, address: &str) -> Vec<&str> {
    of(&CLOSE, firewall, address).to_vec()
}

fn of<'a>(lines: &[&'a str; 2], firewall: FirewallKind, address: &'a str) -> [&'a str; 5] {
    let [firewalld, ufw] = lines;
    let line = match firewall {
        FirewallKind::Firewalld => firewalld,
        FirewallKind::Ufw => ufw,
    };
    ["sh", "-c", line, "sh", address]
}

#[cfg(test)]
mod tests {
    use std::{net::IpAddr, sync::Mutex};

    use async_trait::async_trait;
    use camino::Utf8Path;

    use super::{CLOSE, DECIDED, OPEN, WHICH, admit, dismiss};
    use crate::{
        cluster::microk8s::{Added, Limits, Node},
        provider::{Command, Machine, MachineError, Output, Running, Stream},
    };

    /// A machine with a firewall that lets some in.
    struct Guarded {
        firewall: usize,
        admitted: Mutex<Vec<String>>,
        deaf: bool,
    }

    impl Guarded {
        fn new(firewall: usize, admitted: &[&str]) -> Self {
            let admitted = Mutex::new(admitted.iter().map(|&address| address.to_owned()).collect());
            Self { firewall, admitted, deaf: false }
        }

        fn admitted(&self) -> Vec<String> {
            self.admitted.lock().expect("not poisoned").clone()
        }
    }

    #[async_trait]
    impl Machine for Guarded {
        fn name(&self) -> &'static str {
            "rhel-1"
        }

        async fn run(&self, command: &Command) -> Result<Output, MachineError> {
            let mut admitted = self.admitted.lock().expect("not poisoned");
            let (line, address) = (command.argv[2].as_str(), command.argv.get(4).cloned().unwrap_or_default());
            let is = |lines: [&str; 2]| lines.get(self.firewall).is_some_and(|known| line == *known);
            let mut output = Output::default();
            if line == WHICH {
                output.stdout = ["firewalld", "ufw", "none"][self.firewall].into();
            } else if is(DECIDED) {
                output.status = i32::from(!admitted.contains(&address));
            } else if is(OPEN) {
                admitted.push(address);
            } else if is(CLOSE) {
                output.status = i32::from(self.deaf);
                admitted.retain(|known| self.deaf || *known != address);
            } else {
                panic!("unknown: {line}");
            }
            Ok(output)
        }

        async fn start(&self, _: &Command) -> Result<Box<dyn Running>, MachineError> {
            unreachable!("nothing is started")
        }

        async fn write_file(&self, _: &Utf8Path, _: &[u8], _: u32) -> Result<(), MachineError> {
            unreachable!("nothing is written")
        }

        async fn connect(&self, _: &Utf8Path) -> Result<Box<dyn Stream>, MachineError> {
            unreachable!("nobody connects")
        }
    }

    fn others() -> impl Iterator<Item = IpAddr> {
        ["192.0.2.12", "192.0.2.13"].into_iter().map(|address| address.parse().expect("an address"))
    }

    #[tokio::test]
    async fn a_firewall_is_open_to_the_other_nodes_for_as_long_as_they_join() {
        let limits = Limits::default();
        for firewall in 0..2 {
            // Somebody's own rule stays somebody's own.
            let machine = Guarded::new(firewall, &["192.0.2.13"]);
            let node = Node::new(&machine, &limits);
            let mut added = vec![Added::Folder("/run/pathlab".to_owned())];
            admit(node, others(), &mut added).await.expect("opened");
            assert_eq!(machine.admitted(), ["192.0.2.13", "192.0.2.12"]);
            assert_eq!(added.len(), 2, "{added:?}");
            dismiss(node, &mut added).await.expect("closed");
            assert_eq!(machine.admitted(), ["192.0.2.13"]);
            assert_eq!(added, [Added::Folder("/run/pathlab".to_owned())]);
        }
        let open = Guarded::new(2, &[]);
        let mut added = Vec::new();
        admit(Node::new(&open, &limits), others(), &mut added).await.expect("nothing to do");
        assert_eq!(added, []);
    }

    #[tokio::test]
    async fn what_could_not_be_closed_is_an_error_and_stays_known() {
        let limits = Limits::default();
        let machine = Guarded { deaf: true, ..Guarded::new(0, &[]) };
        let (node, mut added) = (Node::new(&machine, &limits), Vec::new());
        admit(node, others(), &mut added).await.expect("opened");
        dismiss(node, &mut added).await.expect_err("it stays open");
        assert_eq!(added.len(), 2, "{added:?}");
    }
}
