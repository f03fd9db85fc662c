//! Bad arguments.

use super::{Bad, Input::Arguments};

/// A case: arguments, and words of the message.
const fn bad(name: &'static str, arguments: &'static [&'static str], says: &'static [&'static str]) -> Bad {
    Bad { name, input: Arguments(arguments), place: "", says }
}

pub const TABLE: &[Bad] = &[
    bad("unknown command", &["paln"], &["paln", "plan"]),
    bad("no command", &[], &["Usage"]),
    bad("unknown option", &["plan", "--fliter", "x"], &["--fliter", "--filter"]),
    bad("unknown distro", &["plan", "-s", "good", "testso"], &["unknown distro `testso`", "did you mean `testos`?"]),
    bad("unknown distro to run", &["run", "-s", "good", "testso"], &["did you mean `testos`?"]),
    bad("unknown scenario", &["plan", "-s", "goood"], &["unknown scenario `goood`", "did you mean `good`?"]),
    bad("empty scenario", &["plan", "-s", ""], &["unknown scenario ``"]),
    bad(
        "scenario's folder that is not there",
        &["run", "-s", "./nowhere"],
        &["./nowhere: the scenario's folder does not exist"],
    ),
    bad("folder without a scenario", &["run", "-s", "."], &["holds no `scenario.yaml`"]),
    bad("file as scenario", &["plan", "-s", "/etc/passwd"], &["/etc/passwd: is a file, expected a scenario's folder"]),
    bad("every scenario and one", &["plan", "-s", "all", "-s", "good"], &["does not go together"]),
    bad("unknown remedy", &["plan", "-s", "good", "--remedy", "trusted-sauce"], &["did you mean `trusted-source`?"]),
    bad(
        "every remedy and none",
        &["run", "-s", "good", "--remedy", "all", "--remedy", "none"],
        &["does not go together"],
    ),
    bad(
        "no remedy and one",
        &["run", "-s", "good", "--remedy", "trusted-source", "--remedy", "none"],
        &["--remedy none"],
    ),
    bad("unknown provider", &["run", "--provider", "netn"], &["netn", "netns, libvirt, multipass, ssh"]),
    bad("unknown cluster", &["run", "--cluster", "k3s"], &["dataplane, kubernetes, microk8s"]),
    bad(
        "cluster of another provider",
        &["run", "--provider", "netns", "--cluster", "microk8s"],
        &["the provider netns has no cluster microk8s", "it has dataplane and kubernetes"],
    ),
    bad("shard beyond the last", &["plan", "--shard", "3/2"], &["expected K/N with K from 1 to N"]),
    bad("shard that is none", &["run", "--shard", "half"], &["`half` is no shard"]),
    bad("filter that fits nothing", &["plan", "-s", "good", "--filter", "mars"], &["no case's name holds `mars`"]),
    bad("unknown format of a plan", &["plan", "--format", "yaml"], &["text, json"]),
    bad("unknown format of a run", &["run", "--format", "text"], &["pretty, terse, json"]),
    bad("no job", &["run", "--jobs", "0"], &["0 is not in 1..=256"]),
    bad("too many retries", &["run", "--retries", "1000"], &["1000 is not in 0..=10"]),
    bad("listing of something else", &["list", "distro"], &["distros, scenarios, providers"]),
    bad("schema of something else", &["schema", "plan"], &["scenario, distro, report"]),
    bad("unknown shell", &["completions", "tcsh"], &["bash"]),
    bad("report without a folder", &["report"], &["<DIR>"]),
    bad("case without a name", &["explain"], &["<CASE>"]),
];
