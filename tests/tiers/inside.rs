//! Tests that run in namespaces of their own: the program again, as what a script has prepared.

use std::{
    ffi::OsString,
    future::Future,
    process::{Command, ExitCode},
};

use libtest_mimic::{Failed, Trial};

/// A test that says what did not hold.
pub type Test = fn() -> Result<(), Failed>;

/// The tests of these asynchronous functions, by their names.
#[macro_export]
macro_rules! async_tests {
    ($($module:ident::$name:ident),+ $(,)?) => {
        vec![$((stringify!($name), (|| $crate::inside::run($module::$name())) as $crate::inside::Test)),+]
    };
}

/// They, for the runner.
pub fn trials(tests: Vec<(&'static str, Test)>) -> Vec<Trial> {
    tests.into_iter().map(|(name, test)| Trial::test(name, test)).collect()
}

/// Runs a test, or a part of one in another process.
pub fn run(test: impl Future<Output = Result<(), Failed>>) -> Result<(), Failed> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(test)
}

/// Runs this program again by a script of `tests` (`enter.sh [WORD…] PROGRAM [ARGUMENT…]`), the first process of network,
/// mount and PID namespaces. All of it ends with this program, however that ends. Tests that share namespaces run one after
/// the other, as their hosts have the same names and addresses.
pub fn enter(script: &str, words: &[OsString], variables: &[(&str, OsString)]) -> ExitCode {
    let script = format!("{}/../tests/{script}", env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "unshare", "-nmpf", "--mount-proc", "--kill-child"]);
    command.args(["--propagation", "private", "sh", &script]).args(words).args(std::env::args_os());
    if !std::env::args().any(|word| word.starts_with("--test-threads")) {
        command.arg("--test-threads=1");
    }
    command.envs(variables.iter().map(|(name, value)| (*name, value)));
    match command.status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// A test's expectation that does not hold.
pub fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(otherwise().into()) }
}
