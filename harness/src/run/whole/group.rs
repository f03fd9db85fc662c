//! Machines that several clusters use one after the other: made and installed once, remembered, and returned to.

use std::sync::{Arc, Mutex as StdMutex, PoisonError};

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::{
    kept::{Keeping, read_facts, write_facts},
    log::logged,
    outside::{FromOutside, Outside},
    tools::{MachineHost, Tools},
};
use crate::{
    ledger::Entry,
    provider::{Lease, Machines, Wanted, WholeMachine},
    run::{
        observation::{HostFacts, LifeError},
        progress::Phase,
        trouble::Trouble,
    },
};

/// How often the machines are made when that fails for a reason that may pass.
const TRIES: u32 = 2;

/// What is done to fresh machines before their state is remembered.
#[async_trait]
pub(super) trait Prepare: Sync {
    /// Does it. What was started for it has ended when this returns.
    async fn prepare(&self, machines: &[Arc<dyn WholeMachine>]) -> Result<HostFacts, LifeError>;
}

/// Machines as a cluster gets them.
#[derive(Clone, Default)]
pub(super) struct Clean {
    pub(super) machines: Vec<Arc<dyn WholeMachine>>,
    pub(super) hosts: HostFacts,
    pub(super) from_outside: FromOutside,
    /// Why there is nothing outside; none where there is.
    pub(super) not_outside: Option<String>,
    /// Whether they have been restarted since they were prepared: what only their memory held is gone.
    pub(super) restarted: bool,
}

/// Machines that several clusters use one after the other.
pub(super) struct Group {
    wanted: Vec<Wanted>,
    /// Where the machines outlive the run, if they are to.
    keeping: Option<Keeping>,
    state: Mutex<State>,
    /// What holds them in the ledger. Beside the state, so that it is found when the making is cut off.
    held: StdMutex<Option<Held>>,
}

/// What holds the machines of a group.
struct Held {
    entry: Arc<Entry>,
    /// Their places on a host.
    lease: Lease,
}

enum State {
    /// There are none; how often they were begun, and how that ended.
    Nothing { tries: u32, last: Option<LastTry> },
    /// They are there.
    Made(Box<Made>),
}

struct Made {
    machines: Box<dyn Machines>,
    hosts: HostFacts,
    outside: Option<Outside>,
    not_outside: Option<String>,
    touched: bool,
}

struct LastTry {
    trouble: Trouble,
    may_pass: bool,
}

impl Group {
    pub(super) fn new(wanted: Vec<Wanted>, keeping: Option<Keeping>) -> Self {
        let state = State::Nothing { tries: 0, last: None };
        Self { wanted, keeping, state: Mutex::new(state), held: StdMutex::default() }
    }

    /// The machines as they were when `prepare` had ended: made now, or returned to that state.
    ///
    /// A try that was cut off, or failed for a reason that may pass, is made once more; after that every cluster that
    /// asks hears why there are none.
    pub(super) async fn clean(
        &self,
        tools: &Arc<Tools>,
        tell: &(impl Fn(Phase) + Sync),
        prepare: &dyn Prepare,
    ) -> Result<Clean, LifeError> {
        let mut state = self.state.lock().await;
        if let State::Made(made) = &mut *state {
            if std::mem::replace(&mut made.touched, true) {
                tell(Phase::Restore);
                if let Err(error) = made.machines.restore().await {
                    *state = State::Nothing { tries: 0, last: None };
                    self.take_down(tools).await;
                    return Err(LifeError::Step { step: Phase::Restore, source: Box::new(error.into()) });
                }
            }
            return Ok(state.clean());
        }
        let tries = state.begin()?;
        // What an earlier try has left when it was cut off.
        self.take_down(tools).await;
        match self.make(tools, tell, prepare).await {
            Ok(made) => {
                *state = made;
                Ok(state.clean())
            }
            Err(error) => {
                self.take_down(tools).await;
                let last = LastTry { trouble: Trouble::of(&error), may_pass: error.is_transport() };
                *state = State::Nothing { tries, last: Some(last) };
                Err(error)
            }
        }
    }

    async fn make(
        &self,
        tools: &Arc<Tools>,
        tell: &(impl Fn(Phase) + Sync),
        prepare: &dyn Prepare,
    ) -> Result<State, LifeError> {
        let step = |step: Phase| move |source: LifeError| LifeError::Step { step, source: Box::new(source) };
        if let Some(keeping) = &self.keeping {
            match self.make_from_kept(keeping, tools, tell).await {
                Ok(Some(made)) => return Ok(made),
                Ok(None) => {}
                Err(error) => {
                    tracing::warn!("the machines that were kept are made anew, as they did not come back: {error}");
                    self.take_down(tools).await;
                }
            }
        }
        // Others may have all the places for a long time: that is before any phase, and has no limit.
        let lease = tools.pool.acquire(self.wanted.len()).await?;
        let host = &tools.hosts[lease.host()];
        tell(Phase::Hosts);
        let entry = self.keeping.as_ref().map_or_else(|| tools.entry(), |keeping| keeping.entry(tools))?;
        *self.held() = Some(Held { entry: Arc::clone(&entry), lease });
        let made = host.provider.create(Arc::clone(&entry), &self.wanted).await;
        let machines = logged(made.map_err(|error| step(Phase::Hosts)(error.into()))?, tools.log.as_ref());
        let hosts = prepare.prepare(machines.all()).await?;
        tell(Phase::Checkpoint);
        machines.checkpoint().await.map_err(|error| step(Phase::Checkpoint)(error.into()))?;
        write_facts(&entry, &hosts)?;
        State::made(host, &entry, machines, hosts).await
    }

    /// The machines that an earlier run has kept for this one, at their checkpoint; none where there are none.
    async fn make_from_kept(
        &self,
        keeping: &Keeping,
        tools: &Arc<Tools>,
        tell: &(impl Fn(Phase) + Sync),
    ) -> Result<Option<State>, LifeError> {
        let lease = tools.pool.acquire(self.wanted.len()).await?;
        let host = &tools.hosts[lease.host()];
        let Some(entry) = keeping.left(tools, lease.host()).await? else { return Ok(None) };
        tell(Phase::Restore);
        *self.held() = Some(Held { entry: Arc::clone(&entry), lease });
        let machines = logged(host.provider.resume(Arc::clone(&entry)).await?, tools.log.as_ref());
        let hosts = read_facts(&entry)?;
        State::made(host, &entry, machines, hosts).await.map(Some)
    }

    /// Ends the machines, or keeps them for a later run.
    pub(super) async fn end(&self, tools: &Arc<Tools>) {
        let nothing = State::Nothing { tries: 0, last: None };
        let state = std::mem::replace(&mut *self.state.lock().await, nothing);
        if let (Some(keeping), State::Made(made)) = (&self.keeping, state) {
            return self.keep(keeping, made, tools).await;
        }
        // Whatever there was of them has let go of the lab by now.
        self.take_down(tools).await;
    }

    async fn keep(&self, keeping: &Keeping, made: Box<Made>, tools: &Arc<Tools>) {
        let mine = self.held().as_ref().map(|held| Arc::clone(&held.entry)).filter(|entry| keeping.is_of(entry));
        let Some(entry) = mine else {
            drop(made);
            return self.take_down(tools).await;
        };
        let parked = made.machines.park().await;
        drop(made);
        match parked {
            Ok(()) => {
                let held = self.held().take();
                if let Some(Held { lease, .. }) = held {
                    tools.keep(entry, &lease).await;
                }
            }
            Err(error) => {
                drop(entry);
                tracing::warn!("the machines are not kept, as they could not be stopped: {error}");
                self.take_down(tools).await;
            }
        }
    }

    async fn take_down(&self, tools: &Arc<Tools>) {
        let held = self.held().take();
        if let Some(Held { entry, lease }) = held {
            tools.take_down(entry, lease).await;
        }
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Option<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Machines that are there, with what is outside of them.
    async fn made(
        host: &MachineHost,
        entry: &Entry,
        machines: Box<dyn Machines>,
        hosts: HostFacts,
    ) -> Result<Self, LifeError> {
        let outside = match &host.not_outside {
            None => Outside::start(entry.folder(), &*machines).await?,
            Some(_) => None,
        };
        let not_outside = host.not_outside.clone();
        Ok(Self::Made(Box::new(Made { machines, hosts, outside, not_outside, touched: true })))
    }

    /// Another try to make the machines begins; its number. Refused when there is no hope.
    fn begin(&mut self) -> Result<u32, LifeError> {
        let Self::Nothing { tries, last } = self else { return Ok(0) };
        match last {
            Some(last) if *tries >= TRIES || !last.may_pass => return Err(LifeError::Hopeless(last.trouble.clone())),
            _ => {}
        }
        *tries += 1;
        let number = *tries;
        // Holds unless this try comes to an end of its own.
        *last = Some(LastTry { trouble: "it was cut off before it ended".into(), may_pass: true });
        Ok(number)
    }

    fn clean(&self) -> Clean {
        match self {
            Self::Nothing { .. } => Clean::default(),
            Self::Made(made) => Clean {
                machines: made.machines.all().to_vec(),
                hosts: made.hosts.clone(),
                from_outside: made.outside.as_ref().map(Outside::seen).unwrap_or_default(),
                not_outside: made.not_outside.clone(),
                restarted: made.machines.restarts(),
            },
        }
    }
}
