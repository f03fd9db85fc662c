//! The `NoCloud` seed of a machine: an ISO image labelled `cidata` that cloud-init reads at the first boot.

use std::process::Stdio;

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::provider::{ProviderError, Wanted, ssh::KeyPair};

/// Programs that write ISO images with the same arguments.
const WRITERS: [&str; 4] = ["xorrisofs", "genisoimage", "mkisofs", "xorriso"];

/// What a machine's console says when cloud-init has done everything.
pub(super) const LAST_WORDS: &str = "pathlab: this boot is through";

/// What a machine is told about itself.
pub(super) struct Seed<'a> {
    /// The machine.
    pub wanted: &'a Wanted,
    /// Unique for ever: cloud-init starts from anew when it changes.
    pub instance: String,
    /// MAC address of its network interface.
    pub mac: &'a str,
    /// Public key that may log in.
    pub login: &'a str,
    /// Its own host key.
    pub host: &'a KeyPair,
    /// Whether the network is the lab's: nobody in it announces a router for IPv6.
    pub own_network: bool,
}

impl Seed<'_> {
    /// Writes the image into a folder; returns its path.
    pub(super) async fn write(&self, folder: &Utf8Path) -> Result<Utf8PathBuf, ProviderError> {
        let files = folder.join(format!("{}.seed", self.wanted.name));
        let image = folder.join(format!("{}.seed.iso", self.wanted.name));
        let failed = || ProviderError::file(format!("failed to write the seed in {files}"));
        fs::create_dir(&files).map_err(failed())?;
        // JSON is YAML, and says where a text ends whatever is in it.
        fs::write(files.join("user-data"), format!("#cloud-config\n{}\n", self.user_data())).map_err(failed())?;
        fs::write(files.join("meta-data"), self.meta_data().to_string()).map_err(failed())?;
        fs::write(files.join("network-config"), self.network_config().to_string()).map_err(failed())?;
        let made = make_image(&files, &image).await;
        // The image holds the machine's private key: the files need not, too.
        fs::remove_dir_all(&files).map_err(failed())?;
        made.map(|()| image)
    }

    fn user_data(&self) -> Value {
        json!({
            "hostname": self.wanted.name,
            "locale": false,
            "ssh_pwauth": false,
            "ssh_deletekeys": true,
            "ssh_keys": { "ed25519_private": self.host.private(), "ed25519_public": self.host.public() },
            "ssh": { "emit_keys_to_console": false },
            "no_ssh_fingerprints": true,
            "final_message": LAST_WORDS,
            "users": [{
                "name": self.wanted.user,
                "gecos": "Pathlab",
                "shell": "/bin/bash",
                "lock_passwd": true,
                "sudo": "ALL=(ALL) NOPASSWD:ALL",
                "ssh_authorized_keys": [self.login.trim()],
            }],
        })
    }

    fn meta_data(&self) -> Value {
        json!({ "instance-id": self.instance, "local-hostname": self.wanted.name })
    }

    fn network_config(&self) -> Value {
        let mut interface = json!({ "match": { "macaddress": self.mac }, "set-name": "eth0", "dhcp4": true });
        if self.own_network {
            // A boot would wait ten seconds for what never comes.
            interface["accept-ra"] = false.into();
        }
        json!({ "version": 2, "ethernets": { "eth0": interface } })
    }
}

async fn make_image(files: &Utf8Path, image: &Utf8Path) -> Result<(), ProviderError> {
    for program in WRITERS {
        let mut command = Command::new(program);
        if program == "xorriso" {
            command.args(["-as", "mkisofs"]);
        }
        command.args(["-quiet", "-volid", "cidata", "-joliet", "-rock", "-output", image.as_str(), files.as_str()]);
        command.stdin(Stdio::null()).kill_on_drop(true);
        let output = match command.output().await {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            output => output.map_err(ProviderError::file(format!("failed to run {program}")))?,
        };
        if output.status.success() {
            return Ok(());
        }
        let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(ProviderError::Command { command: program.to_owned(), reason });
    }
    Err(ProviderError::NoProgram { program: WRITERS.join(" or ") })
}

#[cfg(test)]
mod tests {
    use super::Seed;
    use crate::{
        catalog::distro::{Family, Hardware},
        provider::{Wanted, ssh::KeyPair},
    };

    #[test]
    fn the_seed_says_who_the_machine_is() {
        let wanted = Wanted {
            name: "rhel".to_owned(),
            image: "/images/rhel.qcow2".into(),
            sha256: None,
            user: "cloud-user".to_owned(),
            family: Family::El,
            hardware: Hardware::default(),
        };
        let host = KeyPair::ed25519("rhel").expect("a key");
        let (mac, login) = ("52:54:00:01:02:03", "ssh-ed25519 AAAA lab\n");
        let seed =
            Seed { wanted: &wanted, instance: "demo-1-rhel".to_owned(), mac, login, host: &host, own_network: true };
        let user = seed.user_data();
        assert_eq!(user["users"][0]["ssh_authorized_keys"][0], "ssh-ed25519 AAAA lab");
        assert_eq!(user["users"][0]["name"], "cloud-user");
        assert_eq!(user["ssh_keys"]["ed25519_public"], host.public());
        assert_eq!(user["locale"], false);
        insta::assert_snapshot!(
            seed.network_config(),
            @r#"{"ethernets":{"eth0":{"accept-ra":false,"dhcp4":true,"match":{"macaddress":"52:54:00:01:02:03"},"set-name":"eth0"}},"version":2}"#
        );
        insta::assert_snapshot!(seed.meta_data(), @r#"{"instance-id":"demo-1-rhel","local-hostname":"rhel"}"#);
        let network = Seed { own_network: false, ..seed }.network_config();
        assert_eq!(network["ethernets"]["eth0"]["accept-ra"], serde_json::Value::Null);
    }
}
