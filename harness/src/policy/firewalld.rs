//! firewalld's configuration files, as an installer leaves them.

use std::{collections::BTreeMap, fmt::Write as _};

use camino::Utf8Path;

use super::files::Files;
use crate::catalog::distro::Zone;

/// `firewalld.conf` and the changed zones.
pub(super) fn configuration(
    default_zone: &str,
    conf: &BTreeMap<String, String>,
    zones: &BTreeMap<String, Zone>,
    files: &mut Files,
) {
    let folder = Utf8Path::new("/etc/firewalld");
    files.add(&folder.join("firewalld.conf"), &main_conf(default_zone, conf));
    for (name, zone) in zones {
        files.add(&folder.join(format!("zones/{name}.xml")), &zone_xml(name, zone));
    }
}

fn main_conf(default_zone: &str, conf: &BTreeMap<String, String>) -> String {
    let mut text = format!("DefaultZone={default_zone}\n");
    for (key, value) in conf {
        writeln!(text, "{key}={value}").expect("a String takes everything");
    }
    text
}

fn zone_xml(name: &str, zone: &Zone) -> String {
    let mut xml = format!("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<zone>\n  <short>{}</short>\n", escape(name));
    let mut line = |text: String| {
        xml.push_str("  ");
        xml.push_str(&text);
        xml.push('\n');
    };
    for interface in &zone.interfaces {
        line(format!("<interface name=\"{}\"/>", escape(interface)));
    }
    for source in &zone.sources {
        line(format!("<source address=\"{}\"/>", escape(source)));
    }
    for service in &zone.services {
        line(format!("<service name=\"{}\"/>", escape(service)));
    }
    for port in &zone.ports {
        let (number, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
        line(format!("<port port=\"{}\" protocol=\"{}\"/>", escape(number), escape(protocol)));
    }
    if zone.masquerade {
        line("<masquerade/>".to_owned());
    }
    if zone.forward {
        line("<forward/>".to_owned());
    }
    xml.push_str("</zone>\n");
    xml
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::zone_xml;
    use crate::catalog::distro::Zone;

    #[test]
    fn a_zone_as_anaconda_leaves_it() {
        let zone = Zone {
            services: ["cockpit", "ssh"].map(str::to_owned).to_vec(),
            ports: vec!["8080/tcp".to_owned()],
            forward: true,
            ..Zone::default()
        };
        insta::assert_snapshot!(zone_xml("public", &zone), @r#"
        <?xml version="1.0" encoding="utf-8"?>
        <zone>
          <short>public</short>
          <service name="cockpit"/>
          <service name="ssh"/>
          <port port="8080" protocol="tcp"/>
          <forward/>
        </zone>
        "#);
    }
}
