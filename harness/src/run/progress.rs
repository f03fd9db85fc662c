//! Progress of a run: bars on a terminal, plain lines elsewhere.

use std::{
    fmt,
    io::{self, IsTerminal as _},
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde::{Deserialize, Serialize};

/// What a cluster is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Its machines are made.
    Hosts,
    /// Their host policy is applied.
    Policy,
    /// The cluster starts.
    Cluster,
    /// The state of its machines is remembered.
    Checkpoint,
    /// Its machines return to the remembered state.
    Restore,
    /// The manifests are deployed.
    Deploy,
    /// The remedy is applied.
    Remedy,
    /// The cases are probed.
    Probe,
    /// The firewall is reloaded, and the cases are probed again.
    Reload,
    /// The machines are restarted, and the cases are probed again.
    Reboot,
    /// Evidence is collected from the machines.
    Evidence,
    /// The causes of failures are looked for.
    Explain,
}

impl Phase {
    /// The word that the events use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hosts => "hosts",
            Self::Policy => "policy",
            Self::Cluster => "cluster",
            Self::Checkpoint => "checkpoint",
            Self::Restore => "restore",
            Self::Deploy => "deploy",
            Self::Remedy => "remedy",
            Self::Probe => "probe",
            Self::Reload => "reload",
            Self::Reboot => "reboot",
            Self::Evidence => "evidence",
            Self::Explain => "explain",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Hosts => "making hosts",
            Self::Policy => "applying the host policy",
            Self::Cluster => "starting the cluster",
            Self::Checkpoint => "remembering the machines' state",
            Self::Restore => "returning to the machines' remembered state",
            Self::Deploy => "deploying",
            Self::Remedy => "applying the remedy",
            Self::Probe => "probing",
            Self::Reload => "reloading the firewall and probing again",
            Self::Reboot => "restarting the machines and probing again",
            Self::Evidence => "collecting evidence",
            Self::Explain => "looking for causes",
        })
    }
}

/// Shows the progress of a run on standard error.
pub struct Progress {
    clusters: usize,
    ended: AtomicUsize,
    bars: Option<(MultiProgress, ProgressBar)>,
}

/// The progress of one cluster.
pub struct ClusterProgress<'a> {
    run: &'a Progress,
    id: String,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Progress over this many clusters.
    #[must_use]
    pub fn new(clusters: usize) -> Self {
        let bars = io::stderr().is_terminal().then(|| {
            let all = MultiProgress::new();
            let total = all.add(ProgressBar::new(clusters as u64));
            total.set_style(style("{bar:30} {pos}/{len} clusters  {elapsed}"));
            total.enable_steady_tick(Duration::from_millis(100));
            (all, total)
        });
        Self { clusters, ended: AtomicUsize::new(0), bars }
    }

    /// A cluster whose turn has come.
    #[must_use]
    pub fn cluster(&self, id: String) -> ClusterProgress<'_> {
        let bar = self.bars.as_ref().map(|(all, total)| {
            let bar = all.insert_before(total, ProgressBar::new_spinner());
            bar.set_style(style("{spinner} {prefix}  {msg}"));
            bar.set_prefix(id.clone());
            bar.enable_steady_tick(Duration::from_millis(100));
            bar
        });
        ClusterProgress { run: self, id, bar }
    }

    /// Takes the bars off the screen.
    pub fn finish(&self) {
        if let Some((all, total)) = &self.bars {
            total.finish_and_clear();
            // What cannot be cleared stays: the terminal is gone.
            drop(all.clear());
        }
    }
}

impl ClusterProgress<'_> {
    /// The cluster has entered a phase.
    pub fn phase(&self, phase: Phase) {
        tracing::debug!(cluster = self.id, "{phase}");
        if let Some(bar) = &self.bar {
            bar.set_message(phase.to_string());
        }
    }

    /// The cluster has ended, with this to say.
    pub fn end(&self, summary: &str) {
        let ended = self.run.ended.fetch_add(1, Ordering::Relaxed) + 1;
        if let (Some(bar), Some((_, total))) = (&self.bar, &self.run.bars) {
            bar.finish_and_clear();
            total.inc(1);
        } else {
            let width = self.run.clusters.to_string().len();
            eprintln!("[{ended:width$}/{}] {}  {summary}", self.run.clusters, self.id);
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates are constants of this file.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
