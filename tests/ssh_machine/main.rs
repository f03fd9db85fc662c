//! Machines over SSH, against a real sshd on the loopback of a network namespace without uplink.
//!
//! Tier `libvirt`: needs root and sshd. Where it cannot run the tests are ignored, with the reason, and fail if
//! `PATHLAB_REQUIRE` names the tier.

mod commands;
mod connections;
mod files;
#[path = "../tiers/inside.rs"]
mod inside;
mod server;
mod sessions;
mod streams;
#[expect(dead_code, reason = "all tests here need the same")]
#[path = "../tiers/mod.rs"]
mod tiers;

use std::process::ExitCode;

use libtest_mimic::Arguments;

use self::{
    inside::{Test, ensure, run},
    tiers::Tier,
};

/// Set in the namespaces.
const INSIDE: &str = "PATHLAB_SSH_INSIDE";

fn main() -> ExitCode {
    if let Ok(facts) = std::env::var("PATHLAB_SSH_VICTIM") {
        return if run(connections::victim(&facts)).is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let arguments = Arguments::from_args();
    let lacking = lacking();
    if lacking.is_none() && !arguments.list && std::env::var_os(INSIDE).is_none() {
        return inside::enter("ssh_machine/enter.sh", &[], &[]);
    }
    let trials = inside::trials(trials());
    tiers::run(vec![Tier { name: "libvirt", lacking, trials }])
}

fn trials() -> Vec<(&'static str, Test)> {
    async_tests![
        commands::arguments_arrive_as_they_are,
        commands::much_goes_in_and_out,
        commands::every_status_is_the_program_s_own,
        commands::what_cannot_be_started_is_said,
        commands::the_time_limit_ends_all_of_the_program,
        commands::nobody_waits_for_what_a_program_leaves_running,
        commands::a_program_that_is_not_waited_for_is_killed,
        commands::many_that_are_not_waited_for_are_all_killed,
        commands::a_program_goes_on_until_it_is_stopped,
        commands::many_at_the_same_time,
        commands::root_is_root_for_every_login_user,
        sessions::a_session_carries_input_output_and_status,
        sessions::a_session_that_is_left_ends_its_program,
        connections::a_cut_connection_is_no_failing_command,
        connections::a_machine_that_falls_silent_is_lost,
        connections::only_the_right_host_key_is_trusted,
        connections::only_the_right_user_is_let_in,
        connections::a_machine_behind_another_host_is_reached,
        connections::a_reboot_is_waited_for,
        connections::nothing_is_left_by_a_killed_harness,
        files::files_have_their_content_and_mode,
        files::a_file_that_cannot_be_written_is_said,
        streams::a_unix_socket_is_reached,
        streams::a_socket_that_is_not_there_is_said,
    ]
}

/// Why the tests cannot run here.
fn lacking() -> Option<String> {
    if !nix::unistd::geteuid().is_root() {
        return Some("needs root".to_owned());
    }
    [server::SSHD, "/usr/bin/sudo", "/usr/bin/ssh"]
        .into_iter()
        .find(|path| !std::path::Path::new(path).exists())
        .map(|path| format!("no {path}"))
}
