//! MicroK8s on a real Debian machine that QEMU emulates, over SSH, with the stand-in that really starts Kubernetes: the
//! machine's own systemd, kernel, sshd, sudo and firewalld (see `tests/microk8s_stand_in/mod.rs` for what is played).
//!
//! Tier `guest`: needs root, libvirt and QEMU, and what the tier `kubernetes` needs; the image of debian-12 is built where
//! it is missing. Kubernetes on an emulated processor takes a quarter of an hour and more, so these tests run only where
//! `PATHLAB_REQUIRE` names the tier; elsewhere they are ignored, with that reason.

mod command_line;
#[path = "../tiers/inside.rs"]
mod inside;
#[path = "../libvirt/lab.rs"]
#[expect(dead_code, reason = "shared with the tests of the provider")]
mod lab;
mod life;
#[expect(dead_code, reason = "shared, and nobody needs all of it")]
#[path = "../microk8s_stand_in/mod.rs"]
mod stand_in;
#[expect(dead_code, reason = "all tests here need the same")]
#[path = "../tiers/mod.rs"]
mod tiers;

use std::process::{Command, ExitCode};

use camino::Utf8Path;
use libtest_mimic::Arguments;

use self::{inside::ensure, stand_in::Bundle, tiers::Tier};

const TIER: &str = "guest";

/// Set in the namespaces.
const INSIDE: &str = "PATHLAB_LIBVIRT_INSIDE";

fn main() -> ExitCode {
    if let Some(code) = stand_in::role() {
        return code;
    }
    let arguments = Arguments::from_args();
    let lacking = lacking();
    if lacking.is_none() && !arguments.list && std::env::var_os(INSIDE).is_none() {
        return enter();
    }
    let mut tests = async_tests![life::the_seed_over_ssh];
    tests.push((
        "lab_run_shows_the_seed_and_what_a_remedy_does",
        command_line::lab_run_shows_the_seed_and_what_a_remedy_does,
    ));
    tests.push(("a_lab_stays_up_until_it_is_taken_down", command_line::a_lab_stays_up_until_it_is_taken_down));
    let trials = inside::trials(tests);
    tiers::run(vec![Tier { name: TIER, lacking, trials }])
}

/// Runs this program again in namespaces of its own; what needs package sources comes before.
fn enter() -> ExitCode {
    let Ok(folder) = tempfile::Builder::new().prefix("pathlab-libvirt-").tempdir() else { return ExitCode::FAILURE };
    let image = match image(folder.path()) {
        Ok(image) => image,
        Err(reason) => {
            eprintln!("no image with the stand-ins: {reason}");
            return ExitCode::FAILURE;
        }
    };
    inside::enter("libvirt/enter.sh", &[folder.path().into()], &[(lab::IMAGE, image.into())])
}

/// The image of debian-12 with the stand-ins in it.
fn image(folder: &std::path::Path) -> Result<std::path::PathBuf, String> {
    let folder = Utf8Path::from_path(folder).ok_or("UTF-8")?;
    let base = lab::built_image()?;
    let bundle = Bundle::make(&folder.join("bundle")).map_err(|error| error.to_string())?;
    // A remedy that ends in a reload of firewalld must not cost the ingress its port for good.
    bundle.keep_ingress_port().map_err(|error| error.to_string())?;
    let image = folder.join("stand-ins.qcow2");
    bundle.install_into_image(&base, &image).map_err(|error| error.to_string())?;
    // QEMU runs as another user.
    let mode = Command::new("chmod").args(["a+rX", folder.as_str(), image.as_str()]).status();
    mode.map_err(|error| error.to_string())?;
    Ok(image.into_std_path_buf())
}

/// Why the test cannot run here.
fn lacking() -> Option<String> {
    if !tiers::required(TIER) {
        return Some(format!("a quarter of an hour and more of emulation: PATHLAB_REQUIRE={TIER} runs them"));
    }
    let programs = ["libvirtd", "virsh", "qemu-system-x86_64", "qemu-img", "xorrisofs", "ssh", "unshare", "debugfs"];
    let missing = programs.into_iter().find(|name| pathlab::provider::needs::find_program(name).is_none());
    Bundle::lacking().or_else(|| missing.map(|program| format!("there is no {program}")))
}
