//! Asking again when a server restarts or is busy; an answer that says no is an answer.

use std::{fmt::Display, future::Future, time::Duration};

use tokio::time::{Instant, sleep, timeout};

use super::{
    api::{KubeApi, PAUSE},
    error::{KubeError, said},
};

/// How long a server may go on being away, after it was first seen to be, before that is an error.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// How long one answer may take, of a server on a real processor.
pub(super) const ANSWER: Duration = Duration::from_secs(30);

impl KubeApi {
    /// Asks until there is an answer. `what` completes "failed to …".
    pub(in crate::cluster) async fn patiently<T, F>(
        &self,
        what: impl Display,
        ask: impl Fn() -> F,
    ) -> Result<T, KubeError>
    where
        F: Future<Output = Result<T, kube::Error>>,
    {
        patiently(self.answer, PATIENCE, what, ask).await
    }
}

/// Time for what may pass, from when it is first seen: an answer that says no may itself be long in coming.
pub(super) struct Patience {
    length: Duration,
    end: Option<Instant>,
}

impl Patience {
    pub(super) const fn of(length: Duration) -> Self {
        Self { length, end: None }
    }

    /// Whether it is over. It begins when this is asked first.
    pub(super) fn is_over(&mut self) -> bool {
        let now = Instant::now();
        now >= *self.end.get_or_insert(now + self.length)
    }
}

/// That there was no answer in its time.
pub(super) fn unanswered(what: impl Display, limit: Duration) -> KubeError {
    KubeError::Request { what: what.to_string(), reason: format!("no answer within {limit:?}") }
}

async fn patiently<T, F>(
    limit: Duration,
    patience: Duration,
    what: impl Display,
    ask: impl Fn() -> F,
) -> Result<T, KubeError>
where
    F: Future<Output = Result<T, kube::Error>>,
{
    let mut patience = Patience::of(patience);
    loop {
        let error = match timeout(limit, ask()).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => error,
            Err(_) => return Err(unanswered(what, limit)),
        };
        if patience.is_over() || !may_pass(&error) {
            return Err(KubeError::Request { what: what.to_string(), reason: said(&error) });
        }
        sleep(PAUSE).await;
    }
}

/// Whether the server was not there, or says that it is busy or still starts.
pub(super) fn may_pass(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => matches!(status.code, 429 | 500 | 502..=504),
        kube::Error::Service(_) | kube::Error::HyperError(_) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use kube::core::Status;
    use tokio::time::sleep;

    use super::{ANSWER, PATIENCE, patiently};

    fn error(code: u16) -> kube::Error {
        kube::Error::Api(Status::failure("no", "").with_code(code).boxed())
    }

    #[tokio::test]
    async fn a_server_that_comes_back_is_asked_again() {
        let asked = AtomicU32::new(0);
        let answer = patiently(ANSWER, PATIENCE, "ask", || async {
            if asked.fetch_add(1, Ordering::Relaxed) == 0 { Err(error(503)) } else { Ok(7) }
        });
        assert_eq!((answer.await.expect("the second answer"), asked.load(Ordering::Relaxed)), (7, 2));
    }

    #[tokio::test]
    async fn a_server_that_is_slow_to_say_that_it_is_busy_is_asked_again() {
        let asked = AtomicU32::new(0);
        let patience = std::time::Duration::from_millis(20);
        let answer = patiently(ANSWER, patience, "ask", || async {
            if asked.fetch_add(1, Ordering::Relaxed) == 0 {
                sleep(patience * 3).await;
                return Err(error(504));
            }
            Ok(7)
        });
        assert_eq!(answer.await.expect("the second answer"), 7);
    }

    #[tokio::test]
    async fn no_is_an_answer() {
        let asked = AtomicU32::new(0);
        let answer = patiently(ANSWER, PATIENCE, "read the stars", || async {
            asked.fetch_add(1, Ordering::Relaxed);
            Err::<(), _>(error(403))
        });
        let said = answer.await.expect_err("forbidden").to_string();
        assert_eq!((said.as_str(), asked.load(Ordering::Relaxed)), ("failed to read the stars: no (403)", 1));
    }
}
