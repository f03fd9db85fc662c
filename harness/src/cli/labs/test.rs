//! `lab test`: the cases of a lab that is up, as test programs of Rust run them.

use std::{
    iter,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Runtime;

use super::{
    super::{args::TestArgs, exit::Exit, failure::Failure},
    asked::Asked,
    open, runtime,
};
use crate::{
    lab::Lab,
    model::{Verdict, report::CaseReport},
    plan::{Case, ClusterPlan},
    run::{observation::Before, trials, try_cases},
};

/// What all trials share.
struct Shared {
    lab: Lab,
    runtime: Runtime,
    /// A case could not be tried at all.
    broken: AtomicBool,
}

/// Tries the cases that the arguments choose, once each, and prints what test programs print.
pub fn run(args: &TestArgs) -> Result<ExitCode, Failure> {
    let arguments = Arguments::from_iter(iter::once("lab test").chain(args.arguments.iter().map(String::as_str)));
    let runtime = runtime()?;
    let lab = runtime.block_on(open(&args.name))?;
    let selected = Asked::still(&lab)?;
    let shared = Arc::new(Shared { lab, runtime, broken: AtomicBool::new(false) });
    let trials = selected.plan.clusters.into_iter().flat_map(|cluster| {
        let cases = cluster.cases.clone();
        let shared = Arc::clone(&shared);
        cases.into_iter().map(move |case| trial(&shared, &cluster, case))
    });
    let conclusion = libtest_mimic::run(&arguments, trials.collect());
    Ok(match (conclusion.has_failed(), shared.broken.load(Ordering::Relaxed)) {
        (_, true) => Exit::LabBroken,
        (true, false) => Exit::Changed,
        (false, false) => Exit::AsExpected,
    }
    .into())
}

fn trial(shared: &Arc<Shared>, cluster: &ClusterPlan, case: Case) -> Trial {
    let (id, shared) = (case.id.clone(), Arc::clone(shared));
    let plan = ClusterPlan { cases: vec![case], ..cluster.clone() };
    Trial::test(id, move || match tried(&shared, &plan) {
        Some(case) if trials::is_expected(case.verdict) => Ok(()),
        Some(case) => {
            if case.verdict == Verdict::Error {
                shared.broken.store(true, Ordering::Relaxed);
            }
            Err(Failed::from(format!("{} --lab {}", trials::message(&case), shared.lab.record.name)))
        }
        None => {
            shared.broken.store(true, Ordering::Relaxed);
            Err(Failed::from("the lab has no such cluster any more"))
        }
    })
}

fn tried(shared: &Shared, plan: &ClusterPlan) -> Option<CaseReport> {
    let (_, cluster) = shared.lab.cluster(&plan.id())?;
    shared.runtime.block_on(try_cases(plan, cluster, Before::default())).pop()
}
