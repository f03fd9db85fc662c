//! A machine's rules, interfaces, neighbours and settings, read once per diagnosis.

use std::{collections::BTreeMap, net::IpAddr};

use serde_json::Value;

use super::{
    route::{RouteAnswer, RouteQuery},
    rule::{self, RoutingRule},
    ruleset::Ruleset,
    save::SavedRules,
};
use crate::provider::{Command, Machine, MachineError};

/// What a cause is derived from, beside traces and counters. What a machine does not have is empty.
#[derive(Clone, Debug, Default)]
pub struct MachineState {
    /// nftables.
    pub nft: Ruleset,
    /// The same rules as iptables writes them, for the tables that belong to it.
    pub iptables: SavedRules,
    /// Interfaces, by name.
    pub links: BTreeMap<String, Link>,
    /// Settings below `net.ipv4` and `net.ipv6`, by key.
    pub sysctls: BTreeMap<String, String>,
    /// Neighbour entries.
    pub neighbours: Vec<Neighbour>,
    /// Addresses to which VXLAN interfaces send, by interface.
    pub tunnel_peers: BTreeMap<String, Vec<IpAddr>>,
    /// Routing rules, as `ip rule` shows them: those of IPv4, then those of IPv6.
    pub rules: Vec<RoutingRule>,
    /// Answers of the routing code.
    pub routes: BTreeMap<RouteQuery, RouteAnswer>,
}

/// One interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Largest packet, in bytes.
    pub mtu: u32,
    /// Kind: `veth`, `vxlan`, `bridge`, …; empty for hardware.
    pub kind: String,
    /// `UP`, `DOWN`, `UNKNOWN`, …
    pub state: String,
    /// Its MAC address; empty where it has none.
    pub mac: String,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

/// One neighbour entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Whose.
    pub address: IpAddr,
    /// Interface.
    pub dev: String,
    /// `REACHABLE`, `PERMANENT`, `FAILED`, …
    pub state: String,
    /// Its MAC address, where it is known.
    pub mac: Option<String>,
}

/// Interface settings that end packets.
const SYSCTLS: &str = "grep -H '' /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv4/conf/*/forwarding \
    /proc/sys/net/ipv6/conf/all/forwarding /proc/sys/net/ipv4/conf/*/rp_filter /proc/sys/net/ipv4/conf/*/proxy_arp";

impl MachineState {
    /// Reads a machine.
    pub async fn read(machine: &dyn Machine) -> Result<Self, MachineError> {
        let links = text(machine, Command::new(["ip", "-d", "-j", "address"])).await?;
        let neighbours = text(machine, Command::new(["ip", "-j", "neighbour"])).await?;
        let fdb = text(machine, Command::new(["bridge", "-j", "fdb", "show"])).await?;
        Ok(Self {
            nft: Ruleset::parse(&text(machine, Command::new(["nft", "list", "ruleset"])).await?),
            iptables: SavedRules::parse(&text(machine, Command::new(["iptables-save"])).await?),
            links: links_of(&json(&links)),
            sysctls: sysctls_of(&text(machine, Command::shell(SYSCTLS)).await?),
            neighbours: neighbours_of(&json(&neighbours)),
            tunnel_peers: tunnel_peers_of(&json(&fdb)),
            rules: rule::parse(&text(machine, Command::shell(rule::LIST)).await?),
            routes: BTreeMap::new(),
        })
    }

    /// A setting as a number.
    #[must_use]
    pub fn sysctl(&self, key: &str) -> Option<i64> {
        self.sysctls.get(key)?.parse().ok()
    }

    /// Whether packets for `to` that come in by this interface are forwarded, where that is known. For IPv6 the
    /// machine's own setting decides, whatever the interface's says.
    #[must_use]
    pub fn forwards(&self, interface: &str, to: IpAddr) -> Option<bool> {
        let key = match to {
            IpAddr::V4(_) => format!("net.ipv4.conf.{interface}.forwarding"),
            IpAddr::V6(_) => "net.ipv6.conf.all.forwarding".to_owned(),
        };
        self.sysctl(&key).map(|value| value != 0)
    }

    /// The reverse path filter in force on an interface: the stricter of its own and everyone's.
    #[must_use]
    pub fn reverse_path_filter(&self, interface: &str) -> i64 {
        let own = self.sysctl(&format!("net.ipv4.conf.{interface}.rp_filter")).unwrap_or_default();
        own.max(self.sysctl("net.ipv4.conf.all.rp_filter").unwrap_or_default())
    }

    /// Whether this address is the machine's own.
    #[must_use]
    pub fn owns(&self, address: IpAddr) -> bool {
        self.links.values().any(|link| link.addresses.contains(&address))
    }

    /// The neighbour entry of an address on an interface.
    #[must_use]
    pub fn neighbour(&self, address: IpAddr, dev: &str) -> Option<&Neighbour> {
        self.neighbours.iter().find(|entry| entry.address == address && entry.dev == dev)
    }

    /// The way to an address, when the routing code was asked and has one.
    #[must_use]
    pub fn route(&self, to: IpAddr) -> Option<&RouteAnswer> {
        self.routes.get(&RouteQuery::own(to))
    }
}

/// Standard output; a program that is missing or fails says nothing.
async fn text(machine: &dyn Machine, command: Command) -> Result<String, MachineError> {
    match machine.run(&command).await {
        Ok(output) => Ok(output.text()),
        Err(MachineError::NotStarted { .. }) => Ok(String::new()),
        Err(error) => Err(error),
    }
}

fn json(text: &str) -> Vec<Value> {
    match serde_json::from_str(text) {
        Ok(Value::Array(entries)) => entries,
        _ => Vec::new(),
    }
}

fn string(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn links_of(entries: &[Value]) -> BTreeMap<String, Link> {
    let link = |entry: &Value| Link {
        mtu: entry.get("mtu").and_then(Value::as_u64).and_then(|mtu| mtu.try_into().ok()).unwrap_or_default(),
        kind: entry.get("linkinfo").map(|info| string(info, "info_kind")).unwrap_or_default(),
        state: string(entry, "operstate"),
        mac: string(entry, "address"),
        addresses: entry
            .get("addr_info")
            .and_then(Value::as_array)
            .map(|addresses| addresses.iter().filter_map(|address| string(address, "local").parse().ok()).collect())
            .unwrap_or_default(),
    };
    entries.iter().map(|entry| (string(entry, "ifname"), link(entry))).collect()
}

fn sysctls_of(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| {
            let (path, value) = line.split_once(':')?;
            let key = path.strip_prefix("/proc/sys/")?;
            // A dot in an interface's name (`vxlan.calico`) stays one.
            Some((key.replace('/', "."), value.trim().to_owned()))
        })
        .collect()
}

fn neighbours_of(entries: &[Value]) -> Vec<Neighbour> {
    let state = |entry: &Value| {
        let states = entry.get("state").and_then(Value::as_array)?;
        states.first()?.as_str().map(str::to_owned)
    };
    entries
        .iter()
        .filter_map(|entry| {
            Some(Neighbour {
                address: string(entry, "dst").parse().ok()?,
                dev: string(entry, "dev"),
                state: state(entry).unwrap_or_default(),
                mac: entry.get("lladdr").and_then(Value::as_str).map(str::to_owned),
            })
        })
        .collect()
}

fn tunnel_peers_of(entries: &[Value]) -> BTreeMap<String, Vec<IpAddr>> {
    let mut peers: BTreeMap<String, Vec<IpAddr>> = BTreeMap::new();
    for entry in entries {
        if let Ok(peer) = string(entry, "dst").parse() {
            peers.entry(string(entry, "ifname")).or_default().push(peer);
        }
    }
    peers
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{MachineState, json, links_of, neighbours_of, sysctls_of, tunnel_peers_of};

    #[test]
    fn reads_interfaces_neighbours_and_peers() {
        let links = links_of(&json(
            r#"[{"ifname":"vxlan.calico","address":"66:00:00:00:00:01","mtu":1450,"operstate":"UNKNOWN","linkinfo":{"info_kind":"vxlan"},
                "addr_info":[{"family":"inet","local":"10.1.1.0","prefixlen":32}]}]"#,
        ));
        let link = &links["vxlan.calico"];
        assert_eq!((link.mtu, link.kind.as_str(), link.addresses.len()), (1450, "vxlan", 1));
        assert_eq!(link.mac, "66:00:00:00:00:01");
        let neighbours = neighbours_of(&json(
            r#"[{"dst":"10.1.0.12","dev":"calia","state":["FAILED"]},
                {"dst":"10.1.2.0","dev":"vxlan.calico","lladdr":"66:00:00:00:00:02","state":["PERMANENT"]}]"#,
        ));
        assert_eq!((neighbours[0].state.as_str(), &neighbours[0].mac), ("FAILED", &None));
        assert_eq!(neighbours[1].mac.as_deref(), Some("66:00:00:00:00:02"));
        let peers = tunnel_peers_of(&json(r#"[{"mac":"a:b","ifname":"vxlan.calico","dst":"192.168.50.2"}]"#));
        assert_eq!(peers["vxlan.calico"].len(), 1);
    }

    #[test]
    fn settings_of_interfaces_with_dots() {
        let state = MachineState {
            sysctls: sysctls_of(
                "/proc/sys/net/ipv4/conf/vxlan.calico/forwarding:0\n/proc/sys/net/ipv4/conf/all/rp_filter:1\n",
            ),
            ..MachineState::default()
        };
        let v4 = IpAddr::from([10, 1, 1, 4]);
        assert_eq!(state.forwards("vxlan.calico", v4), Some(false));
        assert_eq!(state.reverse_path_filter("vxlan.calico"), 1);
        assert_eq!(state.forwards("eth0", v4), None);
    }
}
