//! Deleting what was applied, the last first.

use std::time::Duration;

use kube::api::{DeleteParams, PropagationPolicy};
use tokio::time::{Instant, sleep};

use super::{
    api::{KubeApi, PAUSE},
    applied::{Applied, AppliedObject},
    error::{KubeError, code, is_absent},
};

impl KubeApi {
    /// Deletes what is the lab's of all that was applied, and waits until it is gone. Goes on after an error and
    /// reports all; what somebody else has made anew under the same name stays.
    pub async fn delete(&self, applied: &Applied, limit: Duration) -> Result<(), KubeError> {
        let end = Instant::now() + limit;
        let own: Vec<&AppliedObject> = applied.objects.iter().rev().filter(|object| object.own).collect();
        let (mut errors, mut going) = (Vec::new(), Vec::new());
        for object in own {
            match self.delete_one(object).await {
                Ok(true) => going.push(object),
                Ok(false) => {}
                Err(error) => errors.push(error),
            }
        }
        for object in going {
            if let Err(error) = self.gone(object, end, limit).await {
                errors.push(error);
            }
        }
        match errors.len() {
            0 => Ok(()),
            1 => Err(errors.remove(0)),
            _ => Err(KubeError::Several(errors)),
        }
    }

    /// Says whether there was something to delete.
    async fn delete_one(&self, object: &AppliedObject) -> Result<bool, KubeError> {
        let params = DeleteParams {
            propagation_policy: Some(PropagationPolicy::Foreground),
            // Pods of the lab have nothing to save.
            grace_period_seconds: (object.kind == "Pod").then_some(0),
            ..DeleteParams::default()
        };
        let params =
            params.preconditions(kube::api::Preconditions { uid: Some(object.uid.clone()), resource_version: None });
        let all = self.object_api(object);
        let deleted = self.patiently(format!("delete {object}"), || async {
            match all.delete(&object.name, &params).await {
                Ok(_) => Ok(true),
                // 409: the id is another's.
                Err(error) if is_absent(&error) || code(&error) == Some(409) => Ok(false),
                Err(error) => Err(error),
            }
        });
        deleted.await
    }

    async fn gone(&self, object: &AppliedObject, end: Instant, limit: Duration) -> Result<(), KubeError> {
        loop {
            let all = self.object_api(object);
            let found = self.patiently(format!("look at {object}"), || all.get_opt(&object.name)).await?;
            let Some(found) = found.filter(|found| found.metadata.uid.as_ref() == Some(&object.uid)) else {
                return Ok(());
            };
            if Instant::now() >= end {
                let finalizers = found.metadata.finalizers.filter(|all| !all.is_empty());
                let conditions = found.data.pointer("/status/conditions").map(ToString::to_string);
                let why = finalizers.map(|all| format!("finalizers {}", all.join(", "))).or(conditions);
                return Err(KubeError::NotDeleted { what: object.to_string(), limit, why });
            }
            sleep(PAUSE).await;
        }
    }
}
