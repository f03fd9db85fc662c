//! Builds `lab-agent` as one static file, which the library embeds.
//!
//! A nested cargo run of its own, since no dependency kind gives a binary of another profile with its own
//! flags. It has a target directory of its own below the outer one: cached, and never behind the lock that
//! the outer cargo holds. Versions come from the same lock file; with the crates fetched (`cargo fetch --locked`) it
//! needs no network.

use std::{
    env,
    error::Error,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Inputs of the agent, relative to this package. A change elsewhere does not concern it.
const INPUTS: [&str; 5] = ["build.rs", "agent/src", "agent/Cargo.toml", "../Cargo.toml", "../Cargo.lock"];

/// What the outer cargo, clippy or coverage tool sets for its own crates and what would change the agent.
const NOT_INHERITED: [&str; 9] = [
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_BUILD_TARGET_DIR",
    "CARGO_BUILD_BUILD_DIR",
    "CARGO_TARGET_DIR",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "CLIPPY_ARGS",
];

const STATIC: &str = "-C target-feature=+crt-static";

fn main() -> Result<(), Box<dyn Error>> {
    for input in INPUTS {
        println!("cargo::rerun-if-changed={input}");
    }
    let out_dir = PathBuf::from(variable("OUT_DIR")?);
    let target = variable("TARGET")?;
    let target_dir = outer_target_dir(&out_dir).join("lab-agent");
    build(&target, &target_dir)?;
    let built = target_dir.join(&target).join("agent").join("lab-agent");
    // Not the name of the target directory, which is beside it where cargo marked none.
    let embedded = out_dir.join("embedded-lab-agent");
    fs::copy(&built, &embedded).map_err(|error| format!("failed to copy {}: {error}", built.display()))?;
    println!("cargo::rustc-env=LAB_AGENT_FILE={}", embedded.display());
    Ok(())
}

fn build(target: &str, target_dir: &Path) -> Result<(), Box<dyn Error>> {
    let manifest = Path::new(&variable("CARGO_MANIFEST_DIR")?).join("agent").join("Cargo.toml");
    let mut cargo = Command::new(variable("CARGO")?);
    cargo.args(["build", "--locked", "--profile", "agent", "--bin", "lab-agent", "--target", target]);
    cargo.arg("--manifest-path").arg(manifest).arg("--target-dir").arg(target_dir);
    for (name, _) in env::vars_os().filter(|(name, _)| is_of_the_outer_build(name)) {
        cargo.env_remove(name);
    }
    let output = cargo.env("RUSTFLAGS", STATIC).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(format!("failed to build lab-agent statically for {target} ({}):\n{said}", output.status).into())
}

/// Besides the fixed names: what cargo tells build scripts about the package that they belong to.
fn is_of_the_outer_build(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    let prefixes = ["CARGO_FEATURE_", "CARGO_CFG_", "CARGO_PKG_", "CARGO_PROFILE_", "CARGO_MANIFEST_"];
    NOT_INHERITED.contains(&&*name) || prefixes.iter().any(|prefix| name.starts_with(prefix))
}

/// The directory that cargo marked as its own; `OUT_DIR` lies some levels below it, how many depends on cargo.
fn outer_target_dir(out_dir: &Path) -> PathBuf {
    out_dir.ancestors().find(|folder| folder.join("CACHEDIR.TAG").is_file()).unwrap_or(out_dir).to_owned()
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|error| format!("{name}: {error}"))
}
