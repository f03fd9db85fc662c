//! How far an object has come, by what its status says.

use serde_json::Value;

/// How far an object has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// It is there.
    Done,
    /// Not yet.
    Waiting(String),
    /// It never will be.
    Failed(String),
}

/// Kinds that have to come up; every other kind is there once it is applied.
pub(super) const AWAITED: [(&str, &str); 8] = [
    ("apps/", "Deployment"),
    ("apps/", "DaemonSet"),
    ("apps/", "StatefulSet"),
    ("apps/", "ReplicaSet"),
    ("v1", "ReplicationController"),
    ("v1", "Pod"),
    ("batch/", "Job"),
    ("apiextensions.k8s.io/", "CustomResourceDefinition"),
];

/// How far an object of an awaited kind has come.
pub(super) fn progress(kind: &str, object: &Value) -> Progress {
    let seen = number(object, "/status/observedGeneration");
    let is_workload =
        matches!(kind, "Deployment" | "DaemonSet" | "StatefulSet" | "ReplicaSet" | "ReplicationController");
    if is_workload && seen < number(object, "/metadata/generation").max(1) {
        return Progress::Waiting("its controller has not looked at it yet".to_owned());
    }
    match kind {
        "Deployment" => deployment(object),
        "DaemonSet" => daemon_set(object),
        "StatefulSet" => stateful_set(object),
        "ReplicaSet" | "ReplicationController" => {
            let (ready, wanted) = (number(object, "/status/readyReplicas"), replicas(object));
            enough(ready, wanted, "ready").unwrap_or(Progress::Done)
        }
        "Pod" => pod(object),
        "Job" => job(object),
        "CustomResourceDefinition" => match condition(object, "Established") {
            Some(condition) if condition.is("True") => Progress::Done,
            _ => Progress::Waiting("it is not established".to_owned()),
        },
        _ => Progress::Done,
    }
}

fn deployment(object: &Value) -> Progress {
    if let Some(stuck) = condition(object, "Progressing").filter(|condition| condition.is("False")) {
        return Progress::Failed(stuck.words());
    }
    let wanted = replicas(object);
    let status = |name: &str| number(object, &format!("/status/{name}"));
    let late = enough(status("updatedReplicas"), wanted, "made")
        .or_else(|| enough(status("availableReplicas"), wanted, "available"))
        .or_else(|| {
            (status("replicas") > wanted).then(|| Progress::Waiting("pods of before are still there".to_owned()))
        });
    match (late, condition(object, "ReplicaFailure").filter(|condition| condition.is("True"))) {
        (Some(Progress::Waiting(state)), Some(failure)) => Progress::Waiting(format!("{state}; {}", failure.words())),
        (late, _) => late.unwrap_or(Progress::Done),
    }
}

fn daemon_set(object: &Value) -> Progress {
    let status = |name: &str| number(object, &format!("/status/{name}"));
    let wanted = status("desiredNumberScheduled");
    let late = enough(status("updatedNumberScheduled"), wanted, "made");
    late.or_else(|| enough(status("numberAvailable"), wanted, "available")).unwrap_or(Progress::Done)
}

fn stateful_set(object: &Value) -> Progress {
    let status = |name: &str| number(object, &format!("/status/{name}"));
    let wanted = replicas(object);
    // With `OnDelete`, pods of before stay until somebody deletes them.
    let rolls = object.pointer("/spec/updateStrategy/type").and_then(Value::as_str) != Some("OnDelete");
    let late = enough(status("readyReplicas"), wanted, "ready");
    let late = late.or_else(|| enough(status("updatedReplicas"), wanted, "made").filter(|_| rolls));
    late.unwrap_or(Progress::Done)
}

fn pod(object: &Value) -> Progress {
    let phase = object.pointer("/status/phase").and_then(Value::as_str).unwrap_or("Pending");
    let ready = condition(object, "Ready");
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    match phase {
        "Succeeded" => Progress::Done,
        "Failed" => Progress::Failed(join(&["it failed", &text("/status/reason"), &text("/status/message")])),
        _ if ready.as_ref().is_some_and(|ready| ready.is("True")) => Progress::Done,
        phase => {
            let why = ready.map(|ready| ready.words()).unwrap_or_default();
            Progress::Waiting(join(&[&format!("it is {phase}"), &why]))
        }
    }
}

fn job(object: &Value) -> Progress {
    if condition(object, "Complete").is_some_and(|condition| condition.is("True")) {
        return Progress::Done;
    }
    if let Some(failed) = condition(object, "Failed").filter(|condition| condition.is("True")) {
        return Progress::Failed(failed.words());
    }
    let (done, failed) = (number(object, "/status/succeeded"), number(object, "/status/failed"));
    Progress::Waiting(format!("{done} of its pods have succeeded, {failed} failed"))
}

/// None when there are enough.
fn enough(have: i64, wanted: i64, what: &str) -> Option<Progress> {
    (have < wanted).then(|| Progress::Waiting(format!("{have} of {wanted} pods are {what}")))
}

fn replicas(object: &Value) -> i64 {
    object.pointer("/spec/replicas").and_then(Value::as_i64).unwrap_or(1)
}

fn number(object: &Value, pointer: &str) -> i64 {
    object.pointer(pointer).and_then(Value::as_i64).unwrap_or(0)
}

/// A condition of a status.
struct Condition<'a> {
    status: &'a str,
    reason: &'a str,
    message: &'a str,
}

impl Condition<'_> {
    fn is(&self, status: &str) -> bool {
        self.status == status
    }

    fn words(&self) -> String {
        join(&[self.reason, self.message])
    }
}

fn condition<'a>(object: &'a Value, wanted: &str) -> Option<Condition<'a>> {
    let conditions = object.pointer("/status/conditions")?.as_array()?;
    let text = |condition: &'a Value, name: &str| condition.get(name).and_then(Value::as_str).unwrap_or_default();
    conditions.iter().find(|condition| text(condition, "type") == wanted).map(|condition| Condition {
        status: text(condition, "status"),
        reason: text(condition, "reason"),
        message: text(condition, "message"),
    })
}

fn join(parts: &[&str]) -> String {
    parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Progress, progress};

    fn waits(state: &str) -> Progress {
        Progress::Waiting(state.to_owned())
    }

    fn fails(state: &str) -> Progress {
        Progress::Failed(state.to_owned())
    }

    fn workload(replicas: i64, status: &Value) -> Value {
        json!({"metadata": {"generation": 2}, "spec": {"replicas": replicas}, "status": status})
    }

    #[test]
    fn deployments() {
        let at = |status: &Value| progress("Deployment", &workload(2, status));
        let full = json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2});
        assert_eq!(at(&full), Progress::Done);
        assert_eq!(progress("Deployment", &workload(0, &json!({"observedGeneration": 2}))), Progress::Done);
        assert_eq!(at(&json!({"observedGeneration": 1})), waits("its controller has not looked at it yet"));
        assert_eq!(at(&json!({})), waits("its controller has not looked at it yet"));
        assert_eq!(at(&json!({"observedGeneration": 2, "updatedReplicas": 1})), waits("1 of 2 pods are made"));
        let some = json!({"observedGeneration": 2, "updatedReplicas": 2, "availableReplicas": 1});
        assert_eq!(at(&some), waits("1 of 2 pods are available"));
        let old = json!({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 2, "availableReplicas": 2});
        assert_eq!(at(&old), waits("pods of before are still there"));
        let stuck = json!({"observedGeneration": 2, "conditions": [
            {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "too long"}]});
        assert_eq!(at(&stuck), fails("ProgressDeadlineExceeded: too long"));
        let quota = json!({"observedGeneration": 2, "conditions": [
            {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": "exceeded quota"}]});
        assert_eq!(at(&quota), waits("0 of 2 pods are made; FailedCreate: exceeded quota"));
    }

    #[test]
    fn other_workloads() {
        let daemon = |updated: i64, available: i64| {
            let status = json!({"observedGeneration": 2, "desiredNumberScheduled": 2, "updatedNumberScheduled": updated, "numberAvailable": available});
            progress("DaemonSet", &workload(1, &status))
        };
        assert_eq!(daemon(2, 2), Progress::Done);
        assert_eq!(daemon(2, 1), waits("1 of 2 pods are available"));
        assert_eq!(daemon(1, 1), waits("1 of 2 pods are made"));
        let stateful = |ready: i64, updated: i64| {
            progress(
                "StatefulSet",
                &workload(2, &json!({"observedGeneration": 2, "readyReplicas": ready, "updatedReplicas": updated})),
            )
        };
        assert_eq!(stateful(2, 2), Progress::Done);
        assert_eq!(stateful(1, 2), waits("1 of 2 pods are ready"));
        assert_eq!(stateful(2, 1), waits("1 of 2 pods are made"));
        let set = workload(1, &json!({"observedGeneration": 2}));
        assert_eq!(progress("ReplicaSet", &set), waits("0 of 1 pods are ready"));
    }

    #[test]
    fn pods_and_jobs() {
        let pod = |status: &Value| progress("Pod", &json!({"status": status}));
        assert_eq!(pod(&json!({})), waits("it is Pending"));
        assert_eq!(pod(&json!({"phase": "Succeeded"})), Progress::Done);
        let ready = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]});
        assert_eq!(pod(&ready), Progress::Done);
        let not = json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "False", "reason": "ContainersNotReady"}]});
        assert_eq!(pod(&not), waits("it is Running: ContainersNotReady"));
        let evicted = json!({"phase": "Failed", "reason": "Evicted", "message": "no memory"});
        assert_eq!(pod(&evicted), fails("it failed: Evicted: no memory"));
        let job = |status: &Value| progress("Job", &json!({"status": status}));
        assert_eq!(job(&json!({"conditions": [{"type": "Complete", "status": "True"}]})), Progress::Done);
        assert_eq!(job(&json!({"succeeded": 1})), waits("1 of its pods have succeeded, 0 failed"));
        let failed = json!({"conditions": [{"type": "Failed", "status": "True", "reason": "BackoffLimitExceeded"}]});
        assert_eq!(job(&failed), fails("BackoffLimitExceeded"));
    }

    #[test]
    fn other_kinds_are_there_at_once() {
        assert_eq!(progress("ConfigMap", &json!({})), Progress::Done);
    }
}
