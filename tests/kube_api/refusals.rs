//! What the server or the lab refuses, and what it says then.

use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, api::PostParams};
use libtest_mimic::Failed;
use pathlab::cluster::kube::{Applied, KubeApi};
use serde_json::json;

use crate::{Cluster, ensure, workload::manifest};

const LIMIT: Duration = Duration::from_secs(30);

/// Errors quote the server and point into the file.
pub async fn name_the_manifest(cluster: Cluster) -> Result<(), Failed> {
    let sound = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a }\ndata: { a: b }\n---\n";
    let service =
        "apiVersion: v1\nkind: Service\nmetadata: { name: a }\nspec:\n  type: NodePort\n  ports:\n    - port: 80\n";
    for (text, expected) in [
        (
            format!("{service}      nodePort: 80\n"),
            "web.yaml:13:17: document 2, spec.ports[0].nodePort: the API server (v1.20.2) refused Service a: \
             Service \"a\" is invalid: spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. \
             The range of valid ports is 30000-32767 (422)",
        ),
        (
            format!("{service}  colour: red\n"),
            "web.yaml:13:11: document 2, spec.colour: the API server (v1.20.2) refused Service a: \
             failed to create typed patch",
        ),
        (
            "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: { name: a }\n".to_owned(),
            "web.yaml:6:1: document 2: the API server (v1.20.2) has no PodDisruptionBudget of policy/v1; it has it as policy/v1beta1",
        ),
        (
            "apiVersion: example.test/v1\nkind: Car\nmetadata: { name: a }\n".to_owned(),
            "the API server (v1.20.2) has no Car of example.test/v1, nor of another version",
        ),
        (
            "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: a, namespace: nowhere }\n".to_owned(),
            "refused ConfigMap a: namespaces \"nowhere\" not found (404)",
        ),
    ] {
        let mut applied = Applied::default();
        let refused = cluster.api.apply(&[manifest("web.yaml", &format!("{sound}{text}"))], &mut applied).await;
        let error = refused.err().ok_or_else(|| format!("was taken: {text}"))?.to_string();
        ensure(error.contains(expected), || format!("{error}\nis not\n{expected}"))?;
        ensure(applied.objects.len() == 1, || format!("what was applied before is noted: {applied:?}"))?;
        cluster.api.delete(&applied, LIMIT).await?;
    }
    Ok(())
}

/// An object that somebody else made is neither taken over nor deleted.
pub async fn leave_others_alone(mut cluster: Cluster) -> Result<(), Failed> {
    let api = &cluster.api;
    let maps: Api<ConfigMap> = Api::namespaced(api.client().clone(), "default");
    let theirs: ConfigMap = serde_json::from_value(json!({"metadata": {"name": "theirs"}, "data": {"a": "1"}}))?;
    maps.create(&PostParams { field_manager: Some("kubectl".to_owned()), ..PostParams::default() }, &theirs).await?;
    let text = |value: u8| {
        format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{ name: theirs }}\ndata: {{ a: \"{value}\" }}\n")
    };
    let mut applied = Applied::default();
    let refused = api.apply(&[manifest("a.yaml", &text(2))], &mut applied).await;
    let error = refused.err().ok_or("took over a field")?.to_string();
    ensure(error.contains("conflict with \"kubectl\"") && error.contains(".data.a"), || error.clone())?;
    api.apply(&[manifest("a.yaml", &text(1))], &mut applied).await?;
    api.delete(&applied, LIMIT).await?;
    ensure(maps.get_opt("theirs").await?.is_some(), || "deleted what is not ours".to_owned())?;

    // What an earlier run left is the lab's.
    let own = [manifest("b.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ours }\ndata: { a: b }\n")];
    let (mut first, mut second) = (Applied::default(), Applied::default());
    api.apply(&own, &mut first).await?;
    api.apply(&own, &mut second).await?;
    ensure(second.objects[0].own, || format!("{second:?}"))?;
    api.delete(&second, LIMIT).await?;
    ensure(maps.get_opt("ours").await?.is_none(), || "ours is still there".to_owned())?;

    // The server's end is an error of its own, and soon.
    cluster.servers.kill();
    let start = Instant::now();
    let error = cluster.api.rolled_out(&second, LIMIT).await.err();
    ensure(error.is_none(), || format!("a ConfigMap needs no roll-out: {error:?}"))?;
    let error = cluster.api.delete(&second, LIMIT).await.err().ok_or("nobody is there")?.to_string();
    ensure(error.starts_with("failed to delete ConfigMap default/ours: "), || error.clone())?;
    ensure(start.elapsed() < LIMIT, || format!("it took {:?}", start.elapsed()))
}

/// Another CA or another token is not enough.
pub async fn trust_the_own_server(cluster: Cluster) -> Result<(), Failed> {
    let other_key = cluster.servers.path("other.key");
    let other = std::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=localhost", "-keyout"])
        .arg(&other_key)
        .output()?;
    let other = String::from_utf8(other.stdout)?;
    for (ca, token, expected) in [(Some(other.as_str()), None, "certificate"), (None, Some("wrong"), "Unauthorized")] {
        let access = cluster.servers.access(&cluster.servers.kubeconfig(ca, token)).await?;
        let refused = KubeApi::connect(access, Duration::from_secs(1)).await;
        let error = refused.err().ok_or("let in")?.to_string();
        ensure(error.contains(expected), || error.clone())?;
        ensure(!error.contains("wrong"), || format!("the token is in the message: {error}"))?;
    }
    Ok(())
}
