//! What a package's installation leaves on a namespace host, whose programs are this host's own.

use camino::Utf8Path;

use super::machine::NetnsMachine;
use crate::{
    catalog::distro::FirewallKind,
    provider::{Command, Machine as _, MachineError},
};

/// Configuration of a machine's private system bus: anybody in the machine may own and call anything.
const BUS_CONF: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=/run/dbus/system_bus_socket</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_type="method_call"/>
    <allow send_destination="*" eavesdrop="true"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
"#;

/// Fills `/etc/ufw` from the package's own templates, as its installation script does.
const UFW_FILES: &str = "cp /usr/share/ufw/iptables/*.rules /etc/ufw/; cp /usr/share/ufw/*.init /etc/ufw/ 2>/dev/null || :; \
    cp /usr/share/ufw/ufw.conf /etc/ufw/ufw.conf; chmod 640 /etc/ufw/*.rules; mkdir -p /etc/ufw/applications.d; : >/etc/ufw/sysctl.conf";

/// Makes a firewall installed, but not running, on the machine.
pub(super) async fn install(machine: &NetnsMachine, firewall: FirewallKind) -> Result<(), MachineError> {
    match firewall {
        FirewallKind::Firewalld => {
            let conf = Utf8Path::new("/run/pathlab-units/dbus/bus.conf");
            machine.write_file(conf, BUS_CONF.as_bytes(), 0o644).await?;
            make_folders(machine, &["/run/pathlab-units/firewalld", "/etc/firewalld/zones"]).await
        }
        FirewallKind::Ufw => {
            make_folders(machine, &["/run/pathlab-units/ufw"]).await?;
            let command = Command::shell(UFW_FILES);
            machine.run(&command).await?.success(machine.name(), &command).map(drop)
        }
    }
}

async fn make_folders(machine: &NetnsMachine, folders: &[&str]) -> Result<(), MachineError> {
    let command = Command::new(["mkdir", "-p"].iter().chain(folders).copied());
    machine.run(&command).await?.success(machine.name(), &command).map(drop)
}
