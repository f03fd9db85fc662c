//! Tiers: what a machine must be able to do for some tests to run, and what becomes of the tests where it cannot.
//!
//! Tests of a tier that cannot run here are *ignored*, so that every runner counts and shows them as skipped; the
//! reason is printed. Where `PATHLAB_REQUIRE` names the tier (comma-separated), they fail instead.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

/// Tests with what they need.
pub struct Tier {
    /// The word in `PATHLAB_REQUIRE`.
    pub name: &'static str,
    /// Why its tests cannot run here.
    pub lacking: Option<String>,
    /// The tests.
    pub trials: Vec<Trial>,
}

/// The tests of the functions with these names, under the module's name.
#[macro_export]
macro_rules! trials {
    ($($test:ident),+ $(,)?) => {
        vec![$($crate::tiers::trial(module_path!(), stringify!($test), $test)),+]
    };
}

/// One test: `module::name` without the name of the test program.
pub fn trial(module: &str, name: &str, test: fn()) -> Trial {
    let module = module.split_once("::").map(|(_, module)| format!("{module}::")).unwrap_or_default();
    Trial::test(format!("{module}{name}"), move || {
        test();
        Ok(())
    })
}

/// Whether `PATHLAB_REQUIRE` names a tier.
pub fn required(tier: &str) -> bool {
    std::env::var("PATHLAB_REQUIRE").is_ok_and(|required| required.split(',').any(|name| name == tier))
}

/// Runs all of them, as `main` of a test program.
pub fn run(tiers: Vec<Tier>) -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for tier in tiers {
        match tier.lacking {
            None => trials.extend(tier.trials),
            Some(reason) if required(tier.name) => {
                let failing = |trial: Trial| {
                    let said = format!("the tier {} is required and cannot run here: {reason}", tier.name);
                    Trial::test(trial.name().to_owned(), move || Err(Failed::from(said)))
                };
                trials.extend(tier.trials.into_iter().map(failing));
            }
            Some(reason) => {
                eprintln!("{} tests of the tier {} are skipped: {reason}", tier.trials.len(), tier.name);
                trials.extend(tier.trials.into_iter().map(|trial| trial.with_ignored_flag(true)));
            }
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}
