//! Good and bad manifests, by table.

use std::fmt::Write;

use camino::Utf8PathBuf;

use super::{ClusterIp, ManifestErrors, Objects, PathKind, PolicyPeer, PolicyPorts, PortRef, WorkloadKind, parse};
use crate::catalog::scenario::Manifest;

/// A manifest with every kind, as the tables below change it.
pub const GOOD: &str = include_str!("testdata/good.yaml");

/// A manifest file of this text.
pub fn manifest(path: &str, text: &str) -> Manifest {
    Manifest { path: Utf8PathBuf::from(path), text: text.into(), sha256: String::new() }
}

fn read(text: &str) -> Result<Objects, ManifestErrors> {
    parse(&[manifest("zeus.yaml", text)])
}

#[test]
fn every_kind_is_read() {
    let objects = read(GOOD).expect("the manifest is good");
    assert_eq!(objects.namespaces.len(), 1);
    let kinds: Vec<WorkloadKind> = objects.workloads.iter().map(|workload| workload.kind).collect();
    assert_eq!(kinds, [WorkloadKind::Deployment { replicas: 2 }, WorkloadKind::DaemonSet, WorkloadKind::Pod]);
    let [zeus, headless] = objects.services.as_slice() else { panic!("two services") };
    assert_eq!(zeus.ports[0].target, PortRef::Name("web".into()));
    assert_eq!(zeus.ports[0].node_port, Some(30080));
    assert_eq!(headless.cluster_ip, ClusterIp::Headless);
    assert_eq!(objects.ingresses[0].rules[0].paths[0].kind, PathKind::Prefix);
    assert_eq!(objects.config_maps[0].data["blob"], b"hello");
    let policy = &objects.network_policies[0];
    let (ingress, egress) = (policy.ingress.as_ref().expect("named"), policy.egress.as_ref().expect("named"));
    assert_eq!(
        ingress[0].ports.iter().map(|port| port.ports.clone()).collect::<Vec<_>>(),
        [PolicyPorts::Name("web".into()), PolicyPorts::Range(8081, 8090)]
    );
    assert!(matches!(&ingress[0].peers[1], PolicyPeer::Pods { namespaces: Some(_), pods } if pods.is_empty()));
    assert!(matches!(&egress[0].peers[0], PolicyPeer::Block { except, .. } if except.len() == 1));
    assert!(egress[1].peers.is_empty());
}

/// What to replace in the good manifest, and with what. The errors stand in the snapshot.
const BAD: &[(&str, &str)] = &[
    ("        - name: web\n", "        - command: [sh]\n          name: web\n"),
    ("replicas: 2", "replica: 2"),
    ("replicas: 2", "replicas: two"),
    ("replicas: 2", "replicas: -1"),
    ("      labels: { app: zeus }", "      labels: { app: hera }"),
    ("image: pathlab/agent:1", "image: nginx"),
    ("args: [echo, --http=9090]", "args: [echo, 9090]"),
    ("containerPort: 9090", "containerPort: 99999"),
    ("name: web, containerPort", "name: WEB, containerPort"),
    ("hostPort: 8088", "hostport: 8088"),
    ("type: NodePort", "type: LoadBalancer"),
    ("type: NodePort", "type: Nodeport"),
    ("type: NodePort", "type: ClusterIP"),
    ("nodePort: 30080", "nodePort: 8080"),
    ("port: 80,", "port: 0,"),
    ("port: 80,", "port: \"80\","),
    ("port: 80,", "port: 80, protocol: SCTP,"),
    ("sessionAffinity: None", "sessionAffinity: Cookie"),
    ("clusterIP: None", "clusterIP: fd00::1"),
    ("pathType: Prefix", "pathType: Regex"),
    ("path: /setup", "path: setup"),
    ("ingressClassName: public", "ingressClassName: traefik"),
    ("  rules:\n", "  tls: [{ hosts: [zeus.example] }]\n  rules:\n"),
    ("annotations: { note: kept }", "annotations: { nginx.ingress.kubernetes.io/rewrite-target: / }"),
    ("kind: ConfigMap", "kind: Secret"),
    ("networking.k8s.io/v1\nkind: Ingress\n", "extensions/v1beta1\nkind: Ingress\n"),
    ("apiVersion: apps/v1\nkind: DaemonSet\n", "kind: DaemonSet\n"),
    ("name: olymp # the namespace", "name: ingress"),
    ("name: olymp # the namespace", "name: parnass"),
    ("name: zeus-headless", "name: zeus"),
    ("name: zeus-headless", "name: Zeus_2"),
    ("name: zeus-headless", "name: zeus-headless\n  name: twice"),
    ("configMap: { name: settings }", "emptyDir: {}"),
    ("name: files, mountPath", "name: filez, mountPath"),
    ("mountPath: /etc/zeus", "mountPath: /etc/../zeus"),
    ("fieldPath: status.podIP", "fieldPath: status.podIPs"),
    ("blob: aGVsbG8=", "blob: '%%'"),
    ("blob: aGVsbG8=", "blob: [aGVsbG8="),
    ("dnsPolicy: ClusterFirst", "dnsPolicy: Default"),
    ("operator: Exists", "operator: Has"),
    ("sessionAffinity: None", "ipFamilies: [IPv5]"),
    ("sessionAffinity: None", "ipFamilies: [IPv4, IPv4]"),
    ("sessionAffinity: None", "ipFamilyPolicy: DualStack"),
    ("sessionAffinity: None", "ipFamilies: [IPv4, IPv6]\n  ipFamilyPolicy: SingleStack"),
    ("sessionAffinity: None", "clusterIPs: [10.152.183.50, 10.152.183.51]"),
    ("sessionAffinity: None", "ipFamilies: [IPv4]\n  clusterIP: fd98::50"),
    ("policyTypes: [Ingress, Egress]", "policyTypes: [Ingress, Outgress]"),
    ("policyTypes: [Ingress, Egress]", "policyTypes: [Ingress]"),
    ("podSelector: { matchLabels: { role: front } }", "{}"),
    ("podSelector: { matchLabels: { role: front } }", "{ podSelector: {}, ipBlock: { cidr: 10.0.0.0/8 } }"),
    ("cidr: 10.1.0.0/16", "cidr: 10.1.0.0"),
    ("except: [10.1.2.0/24]", "except: [10.2.0.0/24]"),
    ("port: 8081, endPort: 8090", "port: 8081, endPort: 8080"),
    ("{ port: web }", "{ port: web, endPort: 8090 }"),
    ("{ port: web }", "{ endPort: 8090 }"),
    ("{ port: web }", "{ ports: [80] }"),
];

#[test]
fn bad_manifests_say_what_and_where() {
    let mut report = String::new();
    for (from, to) in BAD {
        assert_eq!(GOOD.matches(from).count(), 1, "`{from}` must stand once in the good manifest");
        let error = read(&GOOD.replace(from, to)).expect_err(to);
        writeln!(report, "{from:?} → {to:?}\n    {error}").expect("a string takes all");
    }
    insta::assert_snapshot!(report);
}

#[test]
fn files_that_hold_no_manifest_are_refused() {
    let bad =
        ["", "# nothing\n", "---\n---\n", "- a\n- b\n", "text\n", "a: 1\na: 2\n", "kind: [Pod]\napiVersion: v1\n"];
    let errors = bad.map(|text| format!("{text:?}\n    {}\n", read(text).expect_err(text)));
    insta::assert_snapshot!(errors.concat());
}

#[test]
fn one_error_of_each_document_is_reported() {
    let text = GOOD.replace("type: NodePort", "type: None").replace("path: /setup", "path: setup");
    let errors = read(&text).expect_err("two documents are wrong");
    assert_eq!(errors.0.len(), 2);
}
