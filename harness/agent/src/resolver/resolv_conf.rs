//! `/etc/resolv.conf`, as far as it decides which names are asked of whom (`resolv.conf(5)`).

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

const DNS_PORT: u16 = 53;

/// glibc's limits: servers beyond the third are not used, and `ndots` is at most 15.
const SERVERS_LIMIT: usize = 3;
const NDOTS_LIMIT: usize = 15;

/// Servers and search list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvConf {
    /// Servers, in the order in which they are asked.
    pub servers: Vec<SocketAddr>,
    /// Domains that relative names are tried in.
    search: Vec<String>,
    /// A name with at least so many dots is first tried as it is.
    ndots: usize,
}

impl ResolvConf {
    /// Reads the file's text; lines that are none of ours are passed over, as the C library does.
    pub fn parse(text: &str) -> Self {
        let mut conf = Self { servers: Vec::new(), search: Vec::new(), ndots: 1 };
        for line in text.lines().filter(|line| !line.starts_with(['#', ';'])) {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => conf.servers.extend(words.next().and_then(server)),
                // The last of several lines counts.
                Some("search" | "domain") => {
                    conf.search = words.map(|domain| domain.trim_matches('.').to_owned()).collect();
                }
                Some("options") => {
                    let ndots = words.filter_map(|word| word.strip_prefix("ndots:")?.parse().ok()).next_back();
                    conf.ndots = ndots.unwrap_or(conf.ndots).min(NDOTS_LIMIT);
                }
                _ => {}
            }
        }
        conf.servers.truncate(SERVERS_LIMIT);
        conf.search.retain(|domain| !domain.is_empty());
        conf
    }

    /// The fully qualified names to ask for, in order.
    pub fn candidates(&self, name: &str) -> Vec<String> {
        let as_is = format!("{}.", name.trim_end_matches('.'));
        if name.ends_with('.') {
            return vec![as_is];
        }
        let mut candidates: Vec<_> = self.search.iter().map(|domain| format!("{name}.{domain}.")).collect();
        let first = name.matches('.').count() >= self.ndots;
        candidates.insert(if first { 0 } else { candidates.len() }, as_is);
        candidates
    }
}

fn server(word: &str) -> Option<SocketAddr> {
    // A zone, as in `fe80::1%eth0`, is for links that no lab has.
    let address: IpAddr = word.parse().ok()?;
    // glibc takes 0.0.0.0 for this host.
    let address = if address == IpAddr::V4(Ipv4Addr::UNSPECIFIED) { Ipv4Addr::LOCALHOST.into() } else { address };
    Some(SocketAddr::new(address, DNS_PORT))
}

#[cfg(test)]
mod tests {
    use super::ResolvConf;

    const POD: &str = "search default.svc.cluster.local svc.cluster.local cluster.local\n\
        nameserver 10.152.183.10\noptions ndots:5\n";

    #[test]
    fn a_pod_file_as_kubernetes_writes_it() {
        let conf = ResolvConf::parse(POD);
        assert_eq!(conf.servers, ["10.152.183.10:53".parse().expect("an address")]);
        assert_eq!(
            conf.candidates("zeus"),
            ["zeus.default.svc.cluster.local.", "zeus.svc.cluster.local.", "zeus.cluster.local.", "zeus."]
        );
        assert_eq!(conf.candidates("zeus.default")[3], "zeus.default.");
        assert_eq!(conf.candidates("a.b.c.d.e.f")[0], "a.b.c.d.e.f.");
        assert_eq!(conf.candidates("zeus.default.svc.cluster.local."), ["zeus.default.svc.cluster.local."]);
    }

    #[test]
    fn one_dot_is_enough_by_default() {
        let conf = ResolvConf::parse("domain lab.\n");
        assert_eq!(conf.candidates("zeus"), ["zeus.lab.", "zeus."]);
        assert_eq!(conf.candidates("zeus.default"), ["zeus.default.", "zeus.default.lab."]);
        assert!(conf.servers.is_empty());
    }

    #[test]
    fn the_last_line_counts_and_the_rest_is_passed_over() {
        let conf = ResolvConf::parse(
            "# nameserver 192.0.2.9\n;x\nsearch a\nsearch b . c\nnameserver nonsense\nnameserver 192.0.2.1\n\
             nameserver 2001:db8::1\nnameserver 0.0.0.0\nnameserver 192.0.2.4\noptions timeout:1 ndots:x ndots:99 rotate\nlookup file\n",
        );
        let servers: Vec<_> = conf.servers.iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["192.0.2.1:53", "[2001:db8::1]:53", "127.0.0.1:53"]);
        assert_eq!((conf.search, conf.ndots), (vec!["b".to_owned(), "c".to_owned()], 15));
    }
}
