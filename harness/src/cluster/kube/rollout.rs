//! Waiting until everything that was applied is up, and saying why it is not.

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, api::LogParams, core::DynamicObject};
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use super::{
    api::{KubeApi, PAUSE},
    applied::{Applied, AppliedObject},
    error::KubeError,
    pods::is_ready,
    progress::{AWAITED, Progress, progress},
    reason::{self, Reason, Reasons},
};

/// How many lines of a container's log are quoted.
const LOG_LINES: i64 = 5;

/// How long the kubelet may take to hand out a log; it only explains.
const LOG_LIMIT: Duration = Duration::from_secs(3);

/// One round of so many looks at pods, too: that is a lot to ask of a small machine.
const CLOSER: u32 = 4;

/// When each trouble of a pod was first seen.
type Since = BTreeMap<(String, Option<String>, String), Instant>;

impl KubeApi {
    /// Waits until everything that has to come up is up. Ends early with the reason when waiting on is in vain.
    pub async fn rolled_out(&self, applied: &Applied, limit: Duration) -> Result<(), KubeError> {
        let (start, mut since) = (Instant::now(), Since::new());
        let awaited = |object: &&AppliedObject| {
            AWAITED.iter().any(|(version, kind)| object.kind == *kind && object.api_version.starts_with(version))
        };
        let mut left: Vec<&AppliedObject> = applied.objects.iter().filter(awaited).collect();
        let mut round = 0_u32;
        loop {
            let closer = round.is_multiple_of(CLOSER);
            round += 1;
            let mut states = Vec::new();
            for object in std::mem::take(&mut left) {
                match self.progress_of(object).await? {
                    Progress::Done => {}
                    Progress::Waiting(state) => states.push((object, state)),
                    Progress::Failed(state) => return Err(self.not_rolled_out(object, state, start).await?),
                }
            }
            let over = start.elapsed() >= limit;
            for (object, state) in states {
                if over || (closer && self.is_hopeless(object, &mut since).await?) {
                    return Err(self.not_rolled_out(object, state, start).await?);
                }
                left.push(object);
            }
            if left.is_empty() {
                return Ok(());
            }
            sleep(PAUSE.min(limit.saturating_sub(start.elapsed()))).await;
        }
    }

    async fn progress_of(&self, object: &AppliedObject) -> Result<Progress, KubeError> {
        let all = self.object_api(object);
        let found = self.patiently(format!("look at {object}"), || all.get_opt(&object.name)).await?;
        let Some(found) = found.filter(|found| found.metadata.uid.as_ref() == Some(&object.uid)) else {
            return Ok(Progress::Failed("somebody deleted it".to_owned()));
        };
        let (spec, status) = (&found.data["spec"], &found.data["status"]);
        Ok(progress(&object.kind, &json!({"metadata": found.metadata, "spec": spec, "status": status})))
    }

    /// The kind of an applied object, where it has it.
    pub(super) fn object_api(&self, object: &AppliedObject) -> Api<DynamicObject> {
        match &object.namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, &object.resource()),
            None => Api::all_with(self.client.clone(), &object.resource()),
        }
    }

    /// Whether a pod of the object has been in a trouble for longer than that may last.
    async fn is_hopeless(&self, object: &AppliedObject, since: &mut Since) -> Result<bool, KubeError> {
        let mut hopeless = false;
        for reason in self.reasons_of_pods(object).await?.1 {
            let (pod, container, trouble) = reason.trouble();
            let first = *since.entry((pod, container, trouble.to_owned())).or_insert_with(Instant::now);
            hopeless |= reason.patience().is_some_and(|patience| first.elapsed() >= patience);
        }
        Ok(hopeless)
    }

    /// The object's pods that are not ready, and what their status says.
    async fn reasons_of_pods(&self, object: &AppliedObject) -> Result<(Vec<Pod>, Vec<Reason>), KubeError> {
        let Some(namespace) = &object.namespace else { return Ok((Vec::new(), Vec::new())) };
        let pods = self.pods(namespace).await?;
        let late: Vec<Pod> = pods.of(object).filter(|pod| !is_ready(pod)).cloned().collect();
        let reasons = late.iter().flat_map(reason::of_pod).collect();
        Ok((late, reasons))
    }

    async fn not_rolled_out(
        &self,
        object: &AppliedObject,
        state: String,
        start: Instant,
    ) -> Result<KubeError, KubeError> {
        let waited = Duration::from_millis(u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX));
        let (pods, reasons) = self.reasons_of_pods(object).await?;
        let names: Vec<String> = pods.iter().filter_map(|pod| pod.metadata.name.clone()).collect();
        let events = self.warnings(object, &names).await;
        let mut logs = Vec::new();
        for reason in reasons.iter().filter(|reason| reason.has_printed()) {
            logs.extend(self.last_lines(object, reason).await);
        }
        let reasons = Box::new(Reasons { pods: reasons, events, logs });
        Ok(KubeError::NotRolledOut { what: object.to_string(), waited, state, reasons })
    }

    /// What a container printed before it ended last.
    async fn last_lines(&self, object: &AppliedObject, reason: &Reason) -> Option<(String, Vec<String>)> {
        let container = reason.container.as_ref()?;
        let pods: Api<Pod> = Api::namespaced(self.client.clone(), object.namespace.as_deref()?);
        let previous = reason.word == "CrashLoopBackOff";
        let params = LogParams {
            container: Some(container.clone()),
            previous,
            tail_lines: Some(LOG_LINES),
            ..LogParams::default()
        };
        let text = timeout(LOG_LIMIT, pods.logs(&reason.pod, &params)).await.ok()?.ok()?;
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        (!lines.is_empty()).then(|| (format!("{}/{container}", reason.pod), lines))
    }
}
