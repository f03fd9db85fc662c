//! Containers with every reference resolved: environment, `$(VAR)`, files of `ConfigMaps`.

use std::{net::Ipv4Addr, sync::Arc};

use super::{
    layout::Node,
    state::{Container, File, NamedPort},
};
use crate::cluster::manifest::{
    ConfigMap, Container as Declared, Document, EnvSource, EnvVar, Field, Labels, ManifestError, Mount, PodFact,
};

/// What a container can ask about its pod.
pub struct PodFacts<'a> {
    /// Namespace.
    pub namespace: &'a str,
    /// Name.
    pub name: &'a str,
    /// Labels.
    pub labels: &'a Labels,
    /// Address.
    pub ip: Ipv4Addr,
    /// The node.
    pub node: &'a Node,
}

/// Resolves the references of one container.
pub struct Resolver<'a> {
    /// The pod.
    pub pod: PodFacts<'a>,
    /// All `ConfigMaps` of the manifests.
    pub config_maps: &'a [ConfigMap],
    /// The document of the container, for errors.
    pub origin: &'a Arc<Document>,
}

impl Resolver<'_> {
    /// The container as it runs.
    pub fn container(&self, declared: &Declared) -> Result<Container, ManifestError> {
        let mut env = Vec::new();
        for from in &declared.env_from {
            let Some(map) = self.config_map(&from.config_map, from.optional, &from.field.key("configMapRef"))? else {
                continue;
            };
            for (key, value) in &map.data {
                let name = format!("{}{key}", from.prefix);
                // The kubelet leaves out what cannot be a variable's name.
                if !name.starts_with(|c: char| c.is_ascii_digit()) {
                    set(&mut env, &name, self.text(value, &from.field, key)?);
                }
            }
        }
        for variable in &declared.env {
            if let Some(value) = self.variable(variable, &env)? {
                set(&mut env, &variable.name, value);
            }
        }
        let args = declared.args.iter().enumerate();
        let args = args.map(|(index, arg)| self.expand(arg, &env, &declared.field.key("args").index(index)));
        let args = args.collect::<Result<_, _>>()?;
        set(&mut env, "PATHLAB_POD", self.pod.name.to_owned());
        set(&mut env, "PATHLAB_NODE", self.pod.node.name.clone());
        set(&mut env, "PATHLAB_DISTRO", self.pod.node.distro_id.clone());
        let mut files = Vec::new();
        for mount in &declared.mounts {
            files.extend(self.files(mount)?);
        }
        let ports = declared.ports.iter();
        let ports = ports.map(|p| NamedPort { name: p.name.clone(), port: p.port, transport: p.transport });
        Ok(Container { name: declared.name.clone(), args, env, files, ports: ports.collect() })
    }

    fn variable(&self, variable: &EnvVar, env: &[(String, String)]) -> Result<Option<String>, ManifestError> {
        let pod = &self.pod;
        match &variable.source {
            EnvSource::Value(value) => self.expand(value, env, &variable.field.key("value")).map(Some),
            EnvSource::Pod(fact) => Ok(Some(match fact {
                PodFact::Name => pod.name.to_owned(),
                PodFact::Namespace => pod.namespace.to_owned(),
                PodFact::Label(key) => pod.labels.get(key).cloned().unwrap_or_default(),
                PodFact::NodeName => pod.node.name.clone(),
                PodFact::PodIp => pod.ip.to_string(),
                PodFact::HostIp => pod.node.ip.to_string(),
            })),
            EnvSource::ConfigMap { name, key, optional } => {
                let field = variable.field.then("valueFrom.configMapKeyRef");
                let Some(map) = self.config_map(name, *optional, &field)? else { return Ok(None) };
                match map.data.get(key) {
                    Some(value) => self.text(value, &field, key).map(Some),
                    None if *optional => Ok(None),
                    None => Err(self.no_key(name, key, &field.key("key"))),
                }
            }
        }
    }

    fn files(&self, mount: &Mount) -> Result<Vec<File>, ManifestError> {
        let volume = &mount.volume;
        let Some(map) = self.config_map(&volume.config_map, volume.optional, &volume.field)? else {
            return Ok(Vec::new());
        };
        let mut files = Vec::new();
        match &volume.items {
            None => files.extend(map.data.iter().map(|(key, value)| (key.into(), value))),
            Some(items) => {
                for (key, path) in items {
                    match map.data.get(key) {
                        Some(value) => files.push((path.clone(), value)),
                        None if volume.optional => {}
                        None => return Err(self.no_key(&volume.config_map, key, &volume.field.key("items"))),
                    }
                }
            }
        }
        let file = |path, content: &Vec<u8>| File { path, content: content.clone(), mode: volume.mode };
        match &mount.sub_path {
            None => Ok(files.into_iter().map(|(path, content)| file(mount.path.join(path), content)).collect()),
            Some(sub_path) => {
                let found = files.into_iter().find(|(path, _)| path == sub_path);
                let message = || format!("the volume has no file `{sub_path}`");
                let (_, content) = found.ok_or_else(|| self.origin.error(&mount.field.key("subPath"), message()))?;
                Ok(vec![file(mount.path.clone(), content)])
            }
        }
    }

    fn config_map(&self, name: &str, optional: bool, field: &Field) -> Result<Option<&ConfigMap>, ManifestError> {
        let namespace = self.pod.namespace;
        let found = self.config_maps.iter().find(|map| map.meta.namespace == namespace && map.meta.name == name);
        if found.is_none() && !optional {
            let message = format!("there is no ConfigMap `{name}` in namespace `{namespace}`");
            return Err(self.origin.error(&field.key("name"), message));
        }
        Ok(found)
    }

    fn no_key(&self, map: &str, key: &str, field: &Field) -> ManifestError {
        self.origin.error(field, format!("ConfigMap `{map}` has no key `{key}`"))
    }

    fn text(&self, value: &[u8], field: &Field, key: &str) -> Result<String, ManifestError> {
        let text = String::from_utf8(value.to_vec());
        text.map_err(|_| self.origin.error(field, format!("the value of `{key}` is not UTF-8")))
    }

    /// Replaces `$(VAR)`; `$$` is a dollar.
    fn expand(&self, text: &str, env: &[(String, String)], field: &Field) -> Result<String, ManifestError> {
        let (mut out, mut rest) = (String::new(), text);
        while let Some(dollar) = rest.find('$') {
            out.push_str(&rest[..dollar]);
            let after = &rest[dollar + 1..];
            if let Some(next) = after.strip_prefix('$') {
                out.push('$');
                rest = next;
            } else if let Some((name, next)) = after.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
                let value = env.iter().find(|(key, _)| key == name).map(|(_, value)| value);
                // Kubernetes would leave it as it stands: never what somebody wants of the agent.
                let message = || format!("`$({name})` names no variable of the container that stands before it");
                out.push_str(value.ok_or_else(|| self.origin.error(field, message()))?);
                rest = next;
            } else {
                out.push('$');
                rest = after;
            }
        }
        out.push_str(rest);
        Ok(out)
    }
}

fn set(env: &mut Vec<(String, String)>, name: &str, value: String) {
    match env.iter_mut().find(|(known, _)| known == name) {
        Some((_, old)) => *old = value,
        None => env.push((name.to_owned(), value)),
    }
}
