//! Real Kubernetes on namespace hosts, as a user runs it, and the embedded cluster judged by it.
//!
//! Tier `kubernetes`: needs root, the programs of `just kube-binaries` (or `PATHLAB_KUBE_BIN`), and the packages of the
//! group `kubernetes`, `kubectl` among them for one. `PATHLAB_DIFFERENTIAL=all` compares the whole library with all of its
//! remedies.

mod differential;
mod kept;
mod kills;
mod leaves_nothing;
mod main_job;

#[path = "../labs/support.rs"]
#[expect(dead_code, reason = "shared with the tests of labs of the embedded cluster")]
mod home;
#[path = "../lab_run/support.rs"]
#[expect(dead_code, reason = "shared with the tests of the embedded cluster")]
mod support;
#[path = "../tiers/mod.rs"]
mod tiers;

use std::process::ExitCode;

use pathlab::{cluster::kubernetes::programs, provider::needs::find_program};

use self::tiers::Tier;

fn main() -> ExitCode {
    let lacking = programs::find(None).err().map(|lacking| format!("{lacking}; {}", lacking.help.replace('\n', "; ")));
    let trials = [main_job::trials(), differential::trials(), kills::trials(), leaves_nothing::trials()];
    let kubectl = || find_program("kubectl").is_none().then(|| "kubectl is not installed".to_owned());
    let kept = Tier { name: "kubernetes", lacking: lacking.clone().or_else(kubectl), trials: kept::trials() };
    tiers::run(vec![Tier { name: "kubernetes", lacking, trials: trials.into_iter().flatten().collect() }, kept])
}
