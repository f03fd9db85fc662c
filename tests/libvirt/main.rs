//! Virtual machines, for real: a libvirtd of these tests' own in a network namespace without uplink, and Debian
//! guests that QEMU emulates.
//!
//! Tier `libvirt`: needs root, libvirt and QEMU; the image of debian-12 is built where it is missing. Where it cannot
//! run the tests are ignored, with the reason, and fail if `PATHLAB_REQUIRE` names the tier.

mod cause;
mod command_line;
mod errors;
#[path = "../tiers/inside.rs"]
mod inside;
mod kills;
mod lab;
mod life;
#[expect(dead_code, reason = "all tests here need the same")]
#[path = "../tiers/mod.rs"]
mod tiers;

use std::{path::Path, process::ExitCode};

use libtest_mimic::Arguments;

use self::{
    inside::{Test, ensure, run},
    tiers::Tier,
};

/// Set in the namespaces.
const INSIDE: &str = "PATHLAB_LIBVIRT_INSIDE";

fn trials() -> Vec<(&'static str, Test)> {
    async_tests![
        life::machines_live_as_declared_and_return_to_their_checkpoint,
        kills::what_a_killed_harness_leaves_is_removed,
        command_line::a_changed_image_ends_a_run_before_any_machine_exists,
        command_line::what_stands_in_the_way_of_a_lab_is_told_with_what_to_do,
        command_line::a_run_that_is_killed_leaves_what_gc_removes,
        command_line::an_interrupted_run_removes_its_machines,
        command_line::a_cluster_that_cannot_be_installed_names_the_step_and_keeps_the_console,
        errors::an_image_that_was_changed_makes_no_machine,
        errors::names_of_others_are_left_alone,
        errors::a_full_disk_is_said_before_anything_is_copied,
        errors::no_libvirt_and_no_network_are_explained,
        errors::a_network_in_use_is_passed_over,
        errors::the_last_words_of_a_machine_are_told,
        errors::a_machine_that_does_not_boot_is_explained,
        errors::kvm_is_tried_before_it_is_used,
    ]
}

fn main() -> ExitCode {
    if let Ok(facts) = std::env::var(kills::VICTIM) {
        return if run(kills::victim(&facts)).is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let arguments = Arguments::from_args();
    let lacking = lacking();
    if lacking.is_none() && !arguments.list && std::env::var_os(INSIDE).is_none() {
        return enter();
    }
    let trials = inside::trials(trials());
    tiers::run(vec![Tier { name: "libvirt", lacking, trials }])
}

/// Runs this program again in namespaces of its own; what needs package sources comes before.
fn enter() -> ExitCode {
    let image = match lab::built_image() {
        Ok(image) => image,
        Err(reason) => {
            eprintln!("no image of debian-12: {reason}");
            return ExitCode::FAILURE;
        }
    };
    let Ok(folder) = tempfile::Builder::new().prefix("pathlab-libvirt-").tempdir() else { return ExitCode::FAILURE };
    inside::enter("libvirt/enter.sh", &[folder.path().into()], &[(lab::IMAGE, image.as_str().into())])
}

/// Why the tests cannot run here.
fn lacking() -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some("needs root".to_owned());
    }
    let programs = ["/usr/sbin/libvirtd", "/usr/bin/virsh", "/usr/bin/qemu-system-x86_64", "/usr/bin/xorrisofs"];
    programs.into_iter().find(|path| !Path::new(path).exists()).map(|path| format!("no {path}"))
}
