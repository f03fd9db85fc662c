//! As much of `kubectl` as Pathlab asks for: `get` as JSON or names, `logs`, `delete`, `rollout restart`.

use std::{fmt::Write as _, time::Duration};

use pathlab::cluster::kube::KubeApi;
use serde_json::{Value, json};

use super::{Failure, api};

const LIMIT: Duration = Duration::from_secs(20);

/// Kinds with the place of their API.
const KINDS: [(&str, &str); 8] = [
    ("namespaces", "/api/v1"),
    ("nodes", "/api/v1"),
    ("pods", "/api/v1"),
    ("services", "/api/v1"),
    ("daemonsets", "/apis/apps/v1"),
    ("deployments", "/apis/apps/v1"),
    ("ingresses", "/apis/networking.k8s.io/v1"),
    ("ingressclasses", "/apis/networking.k8s.io/v1"),
];

/// What was asked.
#[derive(Default)]
struct Asked<'a> {
    words: Vec<&'a str>,
    namespace: Option<&'a str>,
    all: bool,
    output: &'a str,
    query: String,
    tail: Option<&'a str>,
}

/// Prints what `kubectl ARGUMENTS` does.
pub async fn run(arguments: &[&str]) -> Result<(), Failure> {
    let mut asked = Asked { namespace: Some("default"), ..Asked::default() };
    let mut words = arguments.iter().copied();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
        match word {
            "--namespace" | "-n" => asked.namespace = Some(value()?),
            "--output" | "-o" => asked.output = value()?,
            "--selector" | "-l" => write!(asked.query, "labelSelector={}&", value()?)?,
            "--field-selector" => write!(asked.query, "fieldSelector={}&", value()?)?,
            "--tail" => asked.tail = Some(value()?),
            "--all-namespaces" | "-A" => asked.all = true,
            "--all-containers" | "--ignore-not-found" | "--cascade=foreground" | "--grace-period=1" => {}
            "--timeout" => drop(value()?),
            option if option.starts_with('-') => return Err(format!("error: unknown flag: {option}").into()),
            _ => asked.words.push(word),
        }
    }
    let api = api::connect(LIMIT).await?;
    match asked.words.as_slice() {
        ["get", kinds] => get(&api, &asked, kinds).await,
        ["logs", pod] => logs(&api, &asked, pod.trim_start_matches("pod/")).await,
        ["delete", kind, name] => delete(&api, &asked, kind, name).await,
        ["rollout", "restart", kind, name] => restart(&api, &asked, kind, name).await,
        other => Err(format!("error: `{}` is not there in the stand-in", other.join(" ")).into()),
    }
}

async fn text(api: &KubeApi, path: &str) -> Result<String, Failure> {
    let request = http::Request::get(path).body(Vec::new())?;
    Ok(api.client().request_text(request).await?)
}

async fn get(api: &KubeApi, asked: &Asked<'_>, kinds: &str) -> Result<(), Failure> {
    let mut items = Vec::new();
    for kind in kinds.split(',') {
        let known = KINDS.iter().find(|(name, _)| *name == kind);
        let (_, place) = known.ok_or_else(|| format!("error: the server doesn't have a resource type \"{kind}\""))?;
        let spaces = !["nodes", "ingressclasses"].contains(&kind) && !asked.all;
        let within = asked.namespace.filter(|_| spaces).map(|name| format!("/namespaces/{name}")).unwrap_or_default();
        let query = asked.query.replace('/', "%2F");
        let list: Value = serde_json::from_str(&text(api, &format!("{place}{within}/{kind}?{query}")).await?)?;
        let singular = list["kind"].as_str().unwrap_or_default().trim_end_matches("List").to_owned();
        for item in list["items"].as_array().into_iter().flatten() {
            let mut item = item.clone();
            item["kind"] = json!(singular);
            item["apiVersion"] = list["apiVersion"].clone();
            items.push(item);
        }
    }
    match asked.output {
        "json" => println!("{:#}", json!({"apiVersion": "v1", "kind": "List", "items": items})),
        _ => {
            for item in &items {
                let kind = item["kind"].as_str().unwrap_or_default().to_lowercase();
                println!("{kind}/{}", item["metadata"]["name"].as_str().unwrap_or_default());
            }
        }
    }
    Ok(())
}

async fn logs(api: &KubeApi, asked: &Asked<'_>, pod: &str) -> Result<(), Failure> {
    let namespace = asked.namespace.unwrap_or("default");
    let tail = asked.tail.map(|lines| format!("?tailLines={lines}")).unwrap_or_default();
    print!("{}", text(api, &format!("/api/v1/namespaces/{namespace}/pods/{pod}/log{tail}")).await?);
    Ok(())
}

/// Deletes an object, and waits until it is gone. One that is not there is no error.
async fn delete(api: &KubeApi, asked: &Asked<'_>, kind: &str, name: &str) -> Result<(), Failure> {
    let singular = kind.split('.').next().unwrap_or_default().to_lowercase();
    let known = KINDS
        .iter()
        .find(|(plural, _)| [format!("{singular}s"), format!("{singular}es")].contains(&(*plural).to_owned()));
    let (plural, place) = known.ok_or_else(|| format!("error: the server doesn't have a resource type \"{kind}\""))?;
    let within = match (*plural, asked.namespace) {
        ("namespaces" | "nodes" | "ingressclasses", _) | (_, None) => String::new(),
        (_, Some(namespace)) => format!("/namespaces/{namespace}"),
    };
    let path = format!("{place}{within}/{plural}/{name}");
    let options = json!({"propagationPolicy": "Foreground", "gracePeriodSeconds": 1}).to_string();
    let request = http::Request::delete(&path).header("Content-Type", "application/json").body(options.into_bytes())?;
    if let Err(error) = api.client().request_text(request).await {
        return if is_absent(&error) { Ok(()) } else { Err(error.into()) };
    }
    for _ in 0..600 {
        match text(api, &path).await {
            Err(error) if error.downcast_ref::<kube::Error>().is_some_and(is_absent) => {
                println!("{singular} \"{name}\" deleted");
                return Ok(());
            }
            _ => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    }
    Err(format!("error: timed out waiting for the condition on {plural}/{name}").into())
}

fn is_absent(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

async fn restart(api: &KubeApi, asked: &Asked<'_>, kind: &str, name: &str) -> Result<(), Failure> {
    let namespace = asked.namespace.unwrap_or("default");
    let known = match kind {
        "deployment" => "Deployment",
        "daemonset" => "DaemonSet",
        other => return Err(format!("error: `{other}` is no deployment and no daemonset").into()),
    };
    api.restart(known, namespace, name).await?;
    println!("{kind}.apps/{name} restarted");
    Ok(())
}
