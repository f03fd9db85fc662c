//! From `scenario.yaml` as it is written to the [`Scenario`]: names resolved, paths expanded, sense checked.

use std::{sync::Arc, time::Duration};

use camino::Utf8Path;

use super::{
    at::At,
    distro::{Distro, FirewallKind},
    distros::Distros,
    known, manifests,
    many::read_word,
    microk8s::{Addon, MicroK8sChoice, ParseAddonError, is_channel},
    name::{check_free, check_kebab, check_line, check_report},
    nodes_file::{MOST_NODES, NodesFile},
    paths,
    problem::CatalogError,
    scenario::{AppliesTo, Backend, Carriers, Condition, Nodes, PathSpec, Remedy, Scenario, Underlay, When},
    scenario_file::{ConditionFile, MicroK8sFile, RemedyFile, ScenarioFile, UnderlayFile},
    source::Source,
};
use crate::{
    model::{AccessPath, Target, Vantage},
    suggest,
};

/// Time limit of a probe when the scenario names none.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);

/// Reads and checks the scenario of a folder.
pub(super) fn scenario(distros: &Distros, dir: &Utf8Path) -> Result<Scenario, CatalogError> {
    let source = Source::read(&dir.join("scenario.yaml"))?;
    let file: ScenarioFile = source.yaml()?;
    Resolver { source: &source, distros }.scenario(dir, &file)
}

struct Resolver<'a> {
    source: &'a Source,
    distros: &'a Distros,
}

impl Resolver<'_> {
    fn scenario(&self, dir: &Utf8Path, file: &ScenarioFile) -> Result<Scenario, CatalogError> {
        let source = self.source;
        self.check_head(dir, file)?;
        let nodes = self.nodes(file.nodes.as_ref())?;
        let distros = self.distros(file, &nodes)?;
        let paths = paths::expand(source, &file.paths, nodes.count())?;
        let remedies = self.remedies(items(file.remedies.as_ref()))?;
        let scope = known::Scope {
            source,
            distro: &|name| self.own_distro(name, &distros, &nodes),
            paths: &paths,
            remedies: &remedies,
        };
        Ok(Scenario {
            id: file.id.value.clone(),
            title: file.title.trim().to_owned(),
            upstream: texts(items(file.upstream.as_ref())),
            dir: dir.to_owned(),
            source: source.clone(),
            manifests: manifests::read(source, dir, &file.manifests)?,
            backend: self.backend(&file.backend)?,
            backend_place: file.backend.span,
            conditions: self.conditions(items(file.conditions.as_ref()), nodes.count())?,
            known_issues: known::known_issues(&scope, items(file.known_issues.as_ref()))?,
            probe_timeout: self.timeout(file.timeout.as_ref())?,
            underlay: self.underlay(file.underlay.as_ref())?,
            microk8s: self.microk8s(file.microk8s.as_ref(), &paths)?,
            carriers: self.carriers(file)?,
            distros,
            nodes,
            paths,
            remedies,
        })
    }

    fn check_head(&self, dir: &Utf8Path, file: &ScenarioFile) -> Result<(), CatalogError> {
        check_kebab(self.source, "scenario id", &file.id)?;
        check_free(self.source, "scenario id", &file.id)?;
        let folder = dir.file_name().unwrap_or_default();
        if file.id.value != folder {
            let message = format!("the id `{}` differs from the folder's name, expected `{folder}`", file.id.value);
            return Err(self.source.error(file.id.span, message).label("not the folder's name"));
        }
        check_line(self.source, "title", &file.title)?;
        items(file.upstream.as_ref()).iter().try_for_each(|report| check_report(self.source, report, report.span))
    }

    fn distro(&self, name: &At<String>) -> Result<Arc<Distro>, CatalogError> {
        self.distros.get(name).cloned().ok_or_else(|| {
            let message = format!("unknown distro `{}`", name.value);
            self.source.error(name.span, message).label("no such distro").advice(self.distros.help(name))
        })
    }

    /// The id of a distro that the scenario itself speaks of: any, where the command line may name it. The cases of a mixed
    /// cluster bear one name, so what is known of any of its machines' distros is known of that name.
    fn own_distro(&self, name: &At<String>, own: &[Arc<Distro>], nodes: &Nodes) -> Result<String, CatalogError> {
        let distro = self.distro(name)?;
        if let Nodes::Mixed(list) = nodes
            && list.iter().any(|known| known.id == distro.id)
        {
            return Ok(own.first().unwrap_or(&distro).id.clone());
        }
        if matches!(nodes, Nodes::Count(_)) || own.iter().any(|known| known.id == distro.id) {
            return Ok(distro.id.clone());
        }
        let ids: Vec<&str> = own.iter().map(|distro| distro.id.as_str()).collect();
        let message = format!("no case of this mixed cluster carries the name of `{}`", name.value);
        let error = self.source.error(name.span, message).label("not the cluster's");
        Err(error.advice(format!("its cases carry the name of {}", suggest::list(&ids))))
    }

    fn nodes(&self, file: Option<&At<NodesFile>>) -> Result<Nodes, CatalogError> {
        let Some(file) = file else { return Ok(Nodes::Count(1)) };
        let refuse = |count: String| {
            let message = format!("a cluster of {count} machines, expected 1 to {MOST_NODES}");
            Err(self.source.error(file.span, message).label("out of range"))
        };
        match &file.value {
            NodesFile::Count(count) => match u8::try_from(*count) {
                Ok(count @ 1..=MOST_NODES) => Ok(Nodes::Count(count)),
                _ => refuse(count.to_string()),
            },
            NodesFile::Mixed(names) if names.is_empty() || names.len() > usize::from(MOST_NODES) => {
                refuse(names.len().to_string())
            }
            NodesFile::Mixed(names) => {
                names.iter().map(|name| self.distro(name)).collect::<Result<_, _>>().map(Nodes::Mixed)
            }
        }
    }

    /// The distros to run by default. A mixed cluster is one cluster: its cases carry one distro's name.
    fn distros(&self, file: &ScenarioFile, nodes: &Nodes) -> Result<Vec<Arc<Distro>>, CatalogError> {
        let mut distros: Vec<Arc<Distro>> = Vec::new();
        for name in items(file.distros.as_ref()) {
            let distro = self.distro(name)?;
            if distros.iter().any(|earlier| earlier.id == distro.id) {
                let message = format!("the distro `{}` stands twice", name.value);
                return Err(self.source.error(name.span, message).label("the second time"));
            }
            if let Nodes::Mixed(machines) = nodes {
                let stranger = !machines.iter().any(|machine| machine.id == distro.id);
                if stranger || !distros.is_empty() {
                    let message = "a mixed cluster carries the name of one of its machines' distros";
                    let error =
                        self.source.error(name.span, message).label(if stranger { "no machine" } else { "one more" });
                    return Err(error.advice("leave `distros` away: the first machine's is used"));
                }
            }
            distros.push(distro);
        }
        match (distros.is_empty(), nodes) {
            (false, _) => Ok(distros),
            (true, Nodes::Mixed(machines)) => Ok(machines[..1].to_vec()),
            (true, Nodes::Count(_)) => {
                let message = "the key `distros` is missing or empty, expected the distros to run by default";
                Err(self.source.error(file.id.span, message).label("this scenario"))
            }
        }
    }

    fn backend(&self, file: &At<Backend>) -> Result<Backend, CatalogError> {
        for (what, name) in [("service", &file.service), ("namespace", &file.namespace)] {
            if !is_dns_label(name) {
                let message = format!("`{name}` is no name of a {what}, expected a DNS label such as my-service");
                return Err(self.source.error(file.span, message).label("in here"));
            }
        }
        Ok(file.value.clone())
    }

    fn conditions(&self, files: &[At<ConditionFile>], machines: usize) -> Result<Vec<Condition>, CatalogError> {
        let mut conditions = Vec::new();
        for file in files {
            check_line(self.source, "name", &file.name)?;
            let mut on = Vec::new();
            for name in file.on.iter().flat_map(|many| &many.words) {
                on.push(self.distro(name)?.id.clone());
            }
            let numbers = items(file.machines.as_ref());
            if let Some(number) = numbers.iter().find(|number| !(1..=machines).contains(&usize::from(number.value))) {
                let message = format!("there is no machine {}, expected 1 to {machines}", number.value);
                return Err(self.source.error(number.span, message).label("no such machine"));
            }
            conditions.push(Condition {
                name: file.name.trim().to_owned(),
                on,
                machines: numbers.iter().map(|number| number.value).collect(),
                applies_to: file.applies_to.as_ref().map(|name| self.applies_to(name)).transpose()?,
                when: file.when,
                run: self.lines(&file.run)?,
                resync: self.resync(file)?,
            });
        }
        Ok(conditions)
    }

    /// Nothing but the probes comes after the manifests are deployed: only there can something be seen too early.
    fn resync(&self, file: &At<ConditionFile>) -> Result<bool, CatalogError> {
        match file.resync {
            Some(false) if file.when != When::AfterDeploy => {
                let message = "`resync: false` goes with `when: after-deploy` only";
                Err(self.source.error(file.span, message).label("the proxy writes its rules later anyway"))
            }
            resync => Ok(resync.unwrap_or(true)),
        }
    }

    fn remedies(&self, files: &[At<RemedyFile>]) -> Result<Vec<Remedy>, CatalogError> {
        let mut remedies: Vec<Remedy> = Vec::new();
        for file in files {
            check_kebab(self.source, "remedy id", &file.id)?;
            check_free(self.source, "remedy id", &file.id)?;
            check_line(self.source, "title", &file.title)?;
            if remedies.iter().any(|earlier| earlier.id == file.id.value) {
                let message = format!("the remedy `{}` stands twice", file.id.value);
                return Err(self.source.error(file.id.span, message).label("the second one"));
            }
            remedies.push(Remedy {
                id: file.id.value.clone(),
                title: file.title.trim().to_owned(),
                recommended: file.recommended,
                applies_to: file.applies_to.as_ref().map(|name| self.applies_to(name)).transpose()?,
                run: self.lines(&file.run)?,
                verdict: file.verdict.as_ref().map(|word| read_word(self.source, word)).transpose()?,
            });
        }
        Ok(remedies)
    }

    fn applies_to(&self, name: &At<String>) -> Result<AppliesTo, CatalogError> {
        match name.as_str() {
            "firewalld" => Ok(AppliesTo::Firewall(FirewallKind::Firewalld)),
            "ufw" => Ok(AppliesTo::Firewall(FirewallKind::Ufw)),
            _ => self.distros.get(name).map(|distro| AppliesTo::Distro(distro.id.clone())).ok_or_else(|| {
                let message = format!("`{}` is unknown; expected firewalld, ufw or a distro", name.value);
                let names = ["firewalld", "ufw"].into_iter().chain(self.distros.names());
                let error = self.source.error(name.span, message).label("no such host");
                match suggest::closest(name, names) {
                    Some(closest) => error.advice(format!("did you mean `{closest}`?")),
                    None => error,
                }
            }),
        }
    }

    fn lines(&self, run: &At<Vec<At<String>>>) -> Result<Vec<String>, CatalogError> {
        if run.is_empty() {
            return Err(self.source.error(run.span, "`run` is empty, expected at least one shell line"));
        }
        if let Some(line) = run.iter().find(|line| line.trim().is_empty() || line.contains('\0')) {
            return Err(self.source.error(line.span, "this is no shell line"));
        }
        Ok(texts(run))
    }

    fn timeout(&self, file: Option<&At<String>>) -> Result<Duration, CatalogError> {
        let Some(file) = file else { return Ok(DEFAULT_TIMEOUT) };
        duration(file).filter(|limit| (50..=60_000).contains(&limit.as_millis())).ok_or_else(|| {
            let message =
                format!("`{}` is no time limit, expected for instance 2s or 500ms, 50 ms to 60 s", file.value);
            self.source.error(file.span, message).label("no time limit")
        })
    }

    fn underlay(&self, file: Option<&At<UnderlayFile>>) -> Result<Underlay, CatalogError> {
        let mut underlay = Underlay::default();
        let Some(file) = file else { return Ok(underlay) };
        if let Some(mtu) = &file.mtu {
            if !(1280..=9000).contains(&mtu.value) {
                let message = format!("an MTU of {} bytes, expected 1280 to 9000", mtu.value);
                return Err(self.source.error(mtu.span, message).label("out of range"));
            }
            underlay.mtu = mtu.value;
        }
        if let Some(loss) = &file.loss {
            if !(1..=100).contains(&loss.value) {
                let message = format!("a loss of {} in a hundred, expected 1 to 100", loss.value);
                return Err(self.source.error(loss.span, message).label("out of range"));
            }
            underlay.loss = loss.value;
        }
        underlay.offloads = file.offloads;
        Ok(underlay)
    }

    fn microk8s(&self, file: Option<&MicroK8sFile>, paths: &[PathSpec]) -> Result<MicroK8sChoice, CatalogError> {
        let mut choice = MicroK8sChoice::default();
        let Some(file) = file else { return Ok(choice) };
        if let Some(channel) = &file.channel {
            if !is_channel(channel) {
                let message =
                    format!("`{}` is no channel, expected TRACK/RISK, for instance 1.32/stable", channel.value);
                return Err(self.source.error(channel.span, message).label("no channel"));
            }
            choice.channel = Some(channel.value.clone());
        }
        let Some(words) = &file.addons else { return Ok(choice) };
        choice.addons.clear();
        for word in &words.value {
            let addon = word.parse::<Addon>().map_err(|error| self.no_addon(word, &error))?;
            if choice.addons.iter().any(|earlier| earlier.name() == addon.name()) {
                let message = format!("the addon `{}` stands twice", addon.name());
                return Err(self.source.error(word.span, message).label("the second time"));
            }
            choice.addons.push(addon);
        }
        for PathSpec { path, .. } in paths {
            if let Some(needed) = needed_addons(*path).iter().find(|addon| !choice.addons.contains(addon)) {
                let message = format!("the path `{path}` needs the addon `{}`", needed.name());
                return Err(self.source.error(words.span, message).label("it is not among these"));
            }
        }
        Ok(choice)
    }

    fn no_addon(&self, word: &At<String>, error: &ParseAddonError) -> CatalogError {
        let problem = self.source.error(word.span, error.to_string()).label("no addon");
        match suggest::closest(word, Addon::NAMES) {
            Some(closest) if matches!(error, ParseAddonError::Unknown(_)) => {
                problem.advice(format!("did you mean `{closest}`?"))
            }
            _ => problem,
        }
    }

    fn carriers(&self, file: &ScenarioFile) -> Result<Option<Carriers>, CatalogError> {
        match (&file.providers, &file.needs) {
            (None, None) => Ok(None),
            (None, Some(needs)) => {
                let message = "`needs` says why not every provider will do, but `providers` is missing";
                Err(self.source.error(needs.span, message).label("goes with `providers`"))
            }
            (Some(providers), None) => {
                let message = "`providers` leaves some out, but `needs` does not say why";
                Err(self.source.error(providers.span, message).label("needs a reason"))
            }
            (Some(providers), Some(_)) if providers.is_empty() => {
                Err(self.source.error(providers.span, "no provider is left, expected at least one").label("empty"))
            }
            (Some(providers), Some(needs)) => {
                check_line(self.source, "reason", needs)?;
                let providers: Result<_, _> = providers.iter().map(|word| read_word(self.source, word)).collect();
                Ok(Some(Carriers { providers: providers?, needs: needs.trim().to_owned() }))
            }
        }
    }
}

/// What must be enabled in a MicroK8s for a path to be tried.
const fn needed_addons(path: AccessPath) -> &'static [Addon] {
    match (path.from, path.to) {
        (Vantage::Ingress, Target::Dns | Target::ServiceDns) => &[Addon::Ingress, Addon::Dns],
        (Vantage::Ingress, _) | (_, Target::Ingress) => &[Addon::Ingress],
        (_, Target::Dns | Target::ServiceDns) => &[Addon::Dns],
        _ => &[],
    }
}

fn items<T>(list: Option<&Vec<T>>) -> &[T] {
    list.map_or(&[], Vec::as_slice)
}

fn texts(list: &[At<String>]) -> Vec<String> {
    list.iter().map(|text| text.value.clone()).collect()
}

/// `2s`, `1.5s`, `500ms`.
fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic())?);
    let seconds = match unit {
        "s" => number.parse::<f64>().ok()?,
        "ms" => number.parse::<u32>().map(f64::from).ok()? / 1000.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(seconds).ok()
}

fn is_dns_label(name: &str) -> bool {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.len() <= 63 && name.starts_with(edge) && name.ends_with(edge) && name.chars().all(|c| edge(c) || c == '-')
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{duration, is_dns_label};

    #[test]
    fn durations() {
        assert_eq!(duration("2s"), Some(Duration::from_secs(2)));
        assert_eq!(duration("1.5s"), Some(Duration::from_millis(1500)));
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        for text in ["", "2", "s", "2m", "-1s", "NaNs", "1.5ms", "2 s"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn dns_labels() {
        assert!(is_dns_label("zeus") && is_dns_label("a-1"));
        for name in ["", "-a", "a-", "A", "a.b", "a_b"] {
            assert!(!is_dns_label(name), "{name}");
        }
    }
}
