//! What is said of a plan before anything is made. Kinds and fields are the API server's to judge; here it is what the lab
//! itself carries out, and what the paths aim at.

use miette::Diagnostic;

use super::embeddable;
use crate::{
    catalog::scenario::{Backend, Manifest, Scenario},
    cluster::{
        dataplane::{
            self, CompileError,
            runtime::{check_aims, desired},
        },
        kube::{KubeError, object_names},
        manifest::{self, Document, ManifestErrors, Node, Value},
    },
    model::{IpFamily, ProviderKind},
    plan::{ClusterPlan, Plan},
};

/// Why a cluster of a plan cannot be made.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum CheckError {
    /// A manifest cannot be read, or asks something of the lab itself that it does not do.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Manifests(#[from] ManifestErrors),
    /// A path has nothing to aim at.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Aim(#[from] dataplane::CheckError),
    /// The scenario needs IPv6.
    #[error("scenario {0} needs IPv6, which `--cluster kubernetes` does not have")]
    #[diagnostic(help("use `--cluster dataplane`"))]
    Ipv6(String),
}

impl From<CompileError> for CheckError {
    fn from(error: CompileError) -> Self {
        Self::Aim(error.into())
    }
}

impl CheckError {
    /// The same with the place in the scenario's files.
    fn placed(self, scenario: &Scenario) -> Self {
        match self {
            Self::Manifests(errors) => Self::Manifests(errors.in_folder(&scenario.shown_dir())),
            Self::Aim(dataplane::CheckError::Compile(error)) => Self::Aim(dataplane::CheckError::of(error, scenario)),
            other => other,
        }
    }
}

/// Checks what a plan needs beyond what every cluster can.
pub fn check(plan: &Plan) -> Result<(), CheckError> {
    let carried = |cluster: &&ClusterPlan| cluster.not_carried(ProviderKind::Netns).is_none();
    let mut carried = plan.clusters.iter().filter(carried);
    carried.try_for_each(|plan| cluster(plan).map_err(|error| error.placed(&plan.scenario)))
}

fn cluster(plan: &ClusterPlan) -> Result<(), CheckError> {
    let scenario = &plan.scenario;
    let ipv6 = manifests(&scenario.manifests, &scenario.backend)?;
    if ipv6 || scenario.paths.iter().any(|spec| spec.path.family == IpFamily::Ipv6) {
        return Err(CheckError::Ipv6(scenario.id.clone()));
    }
    match desired(&embeddable::cluster(plan)) {
        Ok(state) => Ok(check_aims(plan, &state)?),
        // Read in full, the manifests bring no pod that could answer.
        Err(error @ CompileError::NoBackendPods { .. }) => Err(error.into()),
        // What the embedded cluster does not take says nothing about this one.
        Err(_) => Ok(()),
    }
}

/// Whether the manifests need IPv6, when they can be applied as far as is known without an API server.
fn manifests(manifests: &[Manifest], backend: &Backend) -> Result<bool, CheckError> {
    // All of them have names and kinds to be applied by.
    match object_names(manifests) {
        Ok(_) => {}
        Err(KubeError::Manifest(errors)) => return Err(errors.into()),
        // The reading of files has no other error.
        Err(_) => return Ok(false),
    }
    let documents = manifest::documents(manifests)?;
    manifest::lab_part(&documents)?;
    let services: Vec<&Node> = documents.iter().filter(|document| is_service(document)).map(|it| &it.root).collect();
    let names: Vec<String> = services.iter().map(|service| full_name(service)).collect();
    let Backend { service, namespace } = backend.clone();
    if !names.contains(&format!("{namespace}/{service}")) {
        let declared = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        return Err(CompileError::NoBackend { service, namespace, declared }.into());
    }
    Ok(services.into_iter().any(needs_ipv6))
}

fn is_service(document: &Document) -> bool {
    let text = |key: &str| document.root.get(key).and_then(Node::text);
    (text("apiVersion"), text("kind")) == (Some("v1"), Some("Service"))
}

fn full_name(service: &Node) -> String {
    let text = |key: &str| service.get("metadata")?.get(key)?.text().filter(|text| !text.is_empty());
    format!("{}/{}", text("namespace").unwrap_or("default"), text("name").unwrap_or_default())
}

fn needs_ipv6(service: &Node) -> bool {
    let Some(spec) = service.get("spec") else { return false };
    let list = |key: &str| match spec.get(key).map(|list| &list.value) {
        Some(Value::List(items)) => items.iter().filter_map(Node::text).collect(),
        _ => Vec::new(),
    };
    let addresses = list("clusterIPs").into_iter().chain(spec.get("clusterIP").and_then(Node::text));
    list("ipFamilies").contains(&"IPv6")
        || spec.get("ipFamilyPolicy").and_then(Node::text) == Some("RequireDualStack")
        || addresses.into_iter().any(|address| address.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::manifests;
    use crate::catalog::scenario::{Backend, Manifest};

    const SERVICE: &str =
        "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {type: LoadBalancer, colour: red}\n";

    fn checked(text: &str) -> Result<bool, String> {
        let manifest = Manifest { path: "a.yaml".into(), text: text.into(), sha256: String::new() };
        let backend = Backend { service: "web".to_owned(), namespace: "default".to_owned() };
        manifests(&[manifest], &backend).map_err(|error| error.to_string())
    }

    #[test]
    fn kinds_and_fields_are_the_api_servers_to_judge() {
        let unknown = "---\napiVersion: batch/v1beta1\nkind: CronJob\nmetadata: {name: a}\n";
        assert_eq!(checked(&format!("{SERVICE}{unknown}")), Ok(false));
        let list = format!("apiVersion: v1\nkind: List\nitems:\n- {}", SERVICE.trim_end().replace('\n', "\n  "));
        assert_eq!(checked(&list), Ok(false));
    }

    #[test]
    fn what_no_api_server_would_mend_is_said_before() {
        for (text, message) in [
            (SERVICE.replace("web", "shop"), "declared are: default/shop"),
            (SERVICE.replace("kind: Service\n", ""), "a.yaml:1:1: document 1: the document has no `kind`"),
            (format!("{SERVICE}---\na: [\n"), "a.yaml:"),
        ] {
            let error = checked(&text).expect_err(&text);
            let named = if message.starts_with("declared") { "declare no service `web`" } else { message };
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn services_of_the_other_version_of_ip_are_seen() {
        for spec in ["ipFamilies: [IPv4, IPv6]", "ipFamilyPolicy: RequireDualStack", "clusterIP: 'fd98::9'"] {
            assert_eq!(checked(&SERVICE.replace("colour: red", spec)), Ok(true), "{spec}");
        }
        assert_eq!(checked(&SERVICE.replace("colour: red", "ipFamilyPolicy: PreferDualStack")), Ok(false));
    }
}
