//! What a keeper owns: the clusters that live, and what made them.

use std::{
    sync::Arc,
    thread::available_parallelism,
    time::{Duration, Instant},
};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::{sync::mpsc, time::sleep};

use super::{
    described::{ClusterView, Described},
    protocol::News,
};
use crate::{
    cluster::Place,
    ledger::Entry,
    model::{ClusterKind, report::Host},
    plan::Plan,
    provider::Machine,
    run::{Life, Maker, Owner, Recipe, Trouble, progress::Phase},
};

/// Clusters that are made at the same time, for each processor: most of their time is waiting.
const JOBS_PER_PROCESSOR: usize = 4;

/// How often a cluster's proxy looks whether its rules are all there, as kube-proxy does.
const SYNC_PERIOD: Duration = Duration::from_secs(30);

/// What a keeper owns. Dropping it ends all that was made.
pub(super) struct House {
    pub(super) lives: Vec<Life>,
    places: Vec<Vec<Place>>,
    maker: Maker,
    host: Host,
}

impl House {
    /// Makes every cluster of a plan that the provider can carry.
    pub(super) async fn make(
        entry: &Arc<Entry>,
        plan: &Plan,
        recipe: &Recipe,
        news: &mpsc::UnboundedSender<News>,
    ) -> Result<Self, Trouble> {
        let owner = Owner::Lab(Arc::clone(entry), plan.clone());
        let maker = Maker::start(recipe, owner).await.map_err(|error| Trouble::of(&error))?;
        for notice in maker.notices() {
            drop(news.send(News::Notice(notice.clone())));
        }
        let host = maker.host().await.map_err(|error| Trouble::of(&error))?;
        let jobs = available_parallelism().map_or(1, usize::from) * JOBS_PER_PROCESSOR;
        let (maker, lives) = {
            let carried =
                plan.clusters.iter().enumerate().filter(|(_, one)| one.not_carried(maker.provider()).is_none());
            let begun = carried.map(|(index, cluster)| {
                let maker = &maker;
                async move {
                    let started = Instant::now();
                    // Nobody hears the news once whoever asked for the lab has gone, and then the lab ends anyway.
                    let tell = |phase: Phase| drop(news.send(News::Phase { cluster: index, phase }));
                    let begun = Life::begin(cluster, &format!("c{index}"), maker, &tell).await;
                    let life = begun.map_err(|error| Trouble::of(&error).about(&cluster.id()))?;
                    drop(news.send(News::Made { cluster: index, seconds: started.elapsed().as_secs_f64() }));
                    Ok::<_, Trouble>(life)
                }
            });
            let lives: Vec<Life> = stream::iter(begun).buffered(jobs).try_collect().await?;
            (maker, lives)
        };
        let places = lives.iter().map(|life| life.cluster().places()).collect();
        Ok(Self { lives, places, maker, host })
    }

    /// What is there.
    pub(super) fn described(&self) -> Described {
        let clusters = self.lives.iter().zip(&self.places).map(|(life, places)| ClusterView::of(life, places));
        Described {
            provider: self.maker.provider(),
            cluster: self.maker.cluster(),
            host: self.host.clone(),
            clusters: clusters.collect(),
        }
    }

    /// A machine by the index of its cluster and its own.
    pub(super) fn machine(&self, cluster: usize, machine: usize) -> Option<&Arc<dyn Machine>> {
        self.places.get(cluster)?.get(machine).map(|place| &place.machine)
    }

    /// Writes the rules of proxies again that somebody has flushed, for ever: a shell in the lab may reload a firewall.
    /// Real clusters do so by themselves.
    pub(super) async fn keep_in_sync<T>(&self) -> T {
        loop {
            sleep(SYNC_PERIOD).await;
            if self.maker.cluster() != ClusterKind::Dataplane {
                continue;
            }
            for life in self.lives.iter().filter(|life| !life.proxy_is_late()) {
                let synced = async {
                    if !life.cluster().rules_intact().await? {
                        tracing::info!("{}: writing the proxy's rules again", life.plan().id());
                        life.cluster().resync().await?;
                    }
                    Ok::<_, crate::cluster::ClusterError>(())
                };
                if let Err(error) = synced.await {
                    tracing::warn!("{}: failed to write the proxy's rules again: {error}", life.plan().id());
                }
            }
        }
    }
}
