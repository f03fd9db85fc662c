//! A host for one test.

use std::time::Duration;

use pathlab::{
    catalog::distro::{Family, Hardware},
    provider::{
        Command, Machine as _,
        multipass::{LaunchSpec, Multipass, MultipassMachine},
    },
};

/// Where instances report what a test orders to fail.
const FAILS: &str = "/var/lib/stand-in/fail";

/// An instance that is removed with this value.
pub struct Host {
    pub multipass: Multipass,
    pub machine: MultipassMachine,
    pub name: String,
}

pub fn multipass() -> Multipass {
    Multipass::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vm_stand_ins/multipass"))
}

pub fn spec(name: &str) -> LaunchSpec {
    LaunchSpec {
        instance: name.to_owned(),
        machine: name.to_owned(),
        image: "/mnt/images/rhel.qcow2".into(),
        family: Family::El,
        hardware: Hardware::default(),
        limit: Duration::from_secs(60),
    }
}

impl Host {
    pub async fn launch(name: &str) -> Self {
        let multipass = multipass();
        let machine = multipass.launch(&spec(name)).await.expect("launched");
        Self { multipass, machine, name: name.to_owned() }
    }

    /// What a line of shell prints; it must end with 0.
    pub async fn sh(&self, line: &str) -> String {
        let output = self.machine.run(&Command::shell(line)).await.expect("runs");
        assert_eq!(output.status, 0, "{line}: {}", String::from_utf8_lossy(&output.stderr));
        output.text().trim().to_owned()
    }

    /// Orders failures of a stand-in: one per call, the first call first.
    pub async fn order(&self, command: &str, orders: &[&str]) {
        let path = format!("{FAILS}/{command}");
        self.machine
            .write_file(path.as_str().into(), format!("{}\n", orders.join("\n")).as_bytes(), 0o644)
            .await
            .expect("written");
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let deleted =
            std::process::Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/vm_stand_ins/multipass"))
                .args(["delete", "--purge", &self.name])
                .status();
        drop(deleted);
    }
}
