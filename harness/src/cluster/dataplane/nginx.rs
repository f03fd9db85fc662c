//! Configuration of the ingress controllers: real nginx, connecting straight to pods as ingress-nginx does.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    state::{ClusterState, ServicePort},
    system::INGRESS_PORT,
    text::Text,
};
use crate::{
    cluster::manifest::{IngressBackend, PathKind, PortRef},
    model::IpFamily,
};

/// The head of the file. Limits and retries are ingress-nginx's defaults but for the connect timeout (5 s
/// there), which decides how long a dropped connection takes to become a 504.
const HEAD: &str = "\
user root;
daemon off;
pid /run/nginx.pid;
worker_processes 1;
error_log stderr warn;
events { worker_connections 4096; }
http {
    access_log off;
    server_tokens off;
    client_body_temp_path /run/nginx-body;
    proxy_temp_path /run/nginx-proxy;
    fastcgi_temp_path /run/nginx-fastcgi;
    uwsgi_temp_path /run/nginx-uwsgi;
    scgi_temp_path /run/nginx-scgi;
    client_max_body_size 1m;
    proxy_http_version 1.1;
    proxy_buffering off;
    proxy_connect_timeout 1s;
    proxy_next_upstream error timeout;
    proxy_next_upstream_timeout 1s;
    proxy_next_upstream_tries 3;
    proxy_set_header Host $http_host;
    proxy_set_header Connection \"\";
    proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Host $http_host;
    proxy_set_header X-Forwarded-Port $server_port;
    proxy_set_header X-Forwarded-Proto $scheme;
";

/// Hosts with their locations, in the order of the manifests; the empty host is the default server.
type Servers = BTreeMap<String, Vec<Location>>;

/// One location of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Location {
    /// What stands after the word `location`: `= /setup`.
    pattern: String,
    action: Action,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Action {
    /// Pass it to the upstream of this name.
    Pass(String),
    /// Answer with this status.
    Status(u16),
}

/// The whole `nginx.conf`, the same for every ingress controller of the cluster. It writes below `/run` only.
#[must_use]
pub fn config(state: &ClusterState) -> String {
    let mut config = Config { state, upstreams: BTreeMap::new() };
    let servers = config.servers();
    let mut text = Text::from(HEAD);
    for (name, endpoints) in &config.upstreams {
        text.line(format!("    upstream {name} {{"));
        for endpoint in endpoints {
            text.line(format!("        server {endpoint} max_fails=0;"));
        }
        text.line("    }");
    }
    for (host, locations) in &servers {
        let (default, name) = if host.is_empty() { (" default_server", "_") } else { ("", host.as_str()) };
        text.line(format!("    server {{\n        listen {INGRESS_PORT}{default};"));
        if state.families.contains(&IpFamily::Ipv6) {
            text.line(format!("        listen [::]:{INGRESS_PORT}{default};"));
        }
        text.line(format!("        server_name {name};"));
        for Location { pattern, action } in locations {
            let action = match action {
                Action::Pass(upstream) => format!("proxy_pass http://{upstream};"),
                Action::Status(status) => format!("return {status};"),
            };
            text.line(format!("        location {pattern} {{ {action} }}"));
        }
        text.line("    }");
    }
    text.line("}");
    text.finish()
}

struct Config<'a> {
    state: &'a ClusterState,
    upstreams: BTreeMap<String, Vec<String>>,
}

impl Config<'_> {
    fn servers(&mut self) -> Servers {
        let mut servers = Servers::new();
        servers.entry(String::new()).or_default();
        let state = self.state;
        for ingress in &state.ingresses {
            let namespace = &ingress.meta.namespace;
            for rule in &ingress.rules {
                let locations = servers.entry(rule.host.clone().unwrap_or_default()).or_default();
                for path in &rule.paths {
                    let action = self.action(namespace, &path.backend);
                    let patterns = patterns(&path.path, path.kind);
                    locations.extend(patterns.into_iter().map(|pattern| Location { pattern, action: action.clone() }));
                }
            }
        }
        // What no path matches: the default backend of the host's own Ingress, else 404.
        for ingress in &state.ingresses {
            let Some(backend) = &ingress.default_backend else { continue };
            let action = self.action(&ingress.meta.namespace, backend);
            let hosts: BTreeSet<String> = match ingress.rules.as_slice() {
                [] => BTreeSet::from([String::new()]),
                rules => rules.iter().map(|rule| rule.host.clone().unwrap_or_default()).collect(),
            };
            for host in hosts {
                let rest = Location { pattern: "/".to_owned(), action: action.clone() };
                servers.entry(host).or_default().push(rest);
            }
        }
        for locations in servers.values_mut() {
            locations.push(Location { pattern: "/".to_owned(), action: Action::Status(404) });
            let mut seen = BTreeSet::new();
            // Of two equal paths the older one wins.
            locations.retain(|location| seen.insert(location.pattern.clone()));
        }
        servers
    }

    /// What is done with requests for a backend: 503 when it has no endpoints, as when it does not exist.
    fn action(&mut self, namespace: &str, backend: &IngressBackend) -> Action {
        let service = self.state.service(namespace, &backend.service);
        let port = service.and_then(|service| service.ports.iter().find(|port| is_meant(port, &backend.port)));
        match port {
            Some(port) if !port.endpoints.is_empty() => {
                let name = format!("{namespace}-{}-{}", backend.service, port.port);
                let own = service.and_then(|service| service.families.first()).copied().unwrap_or_default();
                let servers = port.endpoints_in(own).map(|endpoint| endpoint.socket().to_string());
                self.upstreams.entry(name.clone()).or_insert_with(|| servers.collect());
                Action::Pass(name)
            }
            _ => Action::Status(503),
        }
    }
}

fn is_meant(port: &ServicePort, reference: &PortRef) -> bool {
    match reference {
        PortRef::Number(number) => port.port == *number,
        PortRef::Name(name) => port.name.as_ref() == Some(name),
    }
}

/// The locations of a path. `Prefix` compares whole elements: `/setup` and `/setup/…`, not `/setups`.
fn patterns(path: &str, kind: PathKind) -> Vec<String> {
    let bare = path.trim_end_matches('/');
    match kind {
        PathKind::Exact => vec![format!("= {path}")],
        PathKind::Prefix if bare.is_empty() => vec!["/".to_owned()],
        PathKind::Prefix => vec![format!("= {bare}"), format!("{bare}/")],
        PathKind::ImplementationSpecific => vec![path.to_owned()],
    }
}

#[cfg(test)]
mod tests {
    use super::patterns;
    use crate::cluster::manifest::PathKind;

    #[test]
    fn prefixes_end_with_an_element() {
        for (path, kind, expected) in [
            ("/", PathKind::Prefix, vec!["/"]),
            ("/setup", PathKind::Prefix, vec!["= /setup", "/setup/"]),
            ("/setup/", PathKind::Prefix, vec!["= /setup", "/setup/"]),
            ("/setup", PathKind::Exact, vec!["= /setup"]),
            ("/setup", PathKind::ImplementationSpecific, vec!["/setup"]),
        ] {
            assert_eq!(patterns(path, kind), expected);
        }
    }
}
