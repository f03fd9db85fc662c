//! What `firewall-cmd` prints of zones and policies.

use std::collections::BTreeMap;

/// A zone as `firewall-cmd --list-all` shows it: what each key has, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Listing<'a>(BTreeMap<&'a str, Vec<&'a str>>);

impl<'a> Listing<'a> {
    /// The keys, whether they have something or not.
    pub(super) fn keys(&self) -> impl Iterator<Item = &'a str> {
        self.0.keys().copied()
    }

    /// What a key has; nothing where the zone has no such key.
    pub(super) fn get(&self, key: &str) -> &[&str] {
        self.0.get(key).map_or(&[], Vec::as_slice)
    }
}

/// The zones of `firewall-cmd --list-all-zones`, by name, or the policies of `--list-all-policies`.
///
/// A zone begins at the left, with its name and perhaps more (`public (default, active)`). Its keys are indented. A value
/// that has spaces of its own, as a rich rule, is in a line of its own that begins with a tab.
pub(super) fn zones(printed: &str) -> BTreeMap<&str, Listing<'_>> {
    let mut zones: BTreeMap<&str, Listing<'_>> = BTreeMap::new();
    let (mut zone, mut key) = ("", "");
    for line in printed.lines() {
        if let Some(value) = line.strip_prefix('\t') {
            zones.entry(zone).or_default().0.entry(key).or_default().push(value.trim());
        } else if let Some((name, values)) = line.strip_prefix(' ').and_then(|line| line.split_once(':')) {
            key = name.trim();
            zones.entry(zone).or_default().0.entry(key).or_default().extend(values.split_whitespace());
        } else if let Some(name) = line.split_whitespace().next() {
            zone = name;
            zones.entry(zone).or_default();
        }
    }
    zones
}

/// The names in what `firewall-cmd --get-active-policies` prints: those lines that are not indented.
pub(super) fn names(printed: &str) -> impl Iterator<Item = &str> {
    printed.lines().filter(|line| !line.starts_with(char::is_whitespace)).filter_map(|line| line.split(' ').next())
}

#[cfg(test)]
mod tests {
    use super::{names, zones};

    /// Two zones of firewalld 1.3.3, the first line as firewalld 2 prints it.
    const PRINTED: &str = "public (default, active)
  target: default
  icmp-block-inversion: no
  interfaces: eth0 eth1
  sources: 
  services: dhcpv6-client ssh
  ports: 
  forward-ports: 
\tport=80:proto=tcp:toport=8080:toaddr=
  source-ports: 
  rich rules: 
\trule family=\"ipv4\" source address=\"192.0.2.0/24\" accept
\trule protocol value=\"esp\" accept

trusted (active)
  target: ACCEPT
  interfaces: cali+
  sources: 10.1.0.0/16
";

    #[test]
    fn each_zone_has_what_its_keys_say() {
        let zones = zones(PRINTED);
        assert_eq!(zones.keys().copied().collect::<Vec<_>>(), ["public", "trusted"]);
        let (public, trusted) = (&zones["public"], &zones["trusted"]);
        assert_eq!(public.get("interfaces"), ["eth0", "eth1"]);
        assert_eq!(public.get("sources"), [""; 0]);
        assert_eq!(public.get("forward-ports"), ["port=80:proto=tcp:toport=8080:toaddr="]);
        let rules =
            [r#"rule family="ipv4" source address="192.0.2.0/24" accept"#, r#"rule protocol value="esp" accept"#];
        assert_eq!(public.get("rich rules"), rules);
        assert_eq!((trusted.get("target"), trusted.get("interfaces")), (&["ACCEPT"][..], &["cali+"][..]));
        assert_eq!((trusted.get("sources"), trusted.get("no such key")), (&["10.1.0.0/16"][..], &[][..]));
    }

    #[test]
    fn policies_have_names() {
        let printed =
            "allow-host-ipv6\n  ingress-zones: ANY\n  egress-zones: HOST\npods (active)\n  ingress-zones: trusted\n";
        assert_eq!(names(printed).collect::<Vec<_>>(), ["allow-host-ipv6", "pods"]);
        assert_eq!(names("").count(), 0);
    }
}
