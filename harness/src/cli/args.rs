//! The command line.

use std::time::Duration;

use camino::Utf8PathBuf;
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use serde::{Deserialize, Serialize};

use super::{existing::ExistingArgs, lab_args::LabArgs};
use crate::{
    ledger::LabName,
    model::{ClusterKind, ProviderKind},
    plan::Shard,
    schema::SchemaKind,
};

/// The same Kubernetes workload on different Linux distributions: which ways of reaching it work, which
/// rule on the host breaks the others, and which remedy really repairs them.
#[derive(Clone, Debug, Parser)]
#[command(name = "lab", version, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "Exit status of `lab run`: 0 everything as expected, 1 something failed or changed, \
    2 bad arguments or files, 3 the lab could not be built or broke, 130 interrupted.")]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Build the lab, try every path, say what is wrong and what repairs it.
    Run(Box<RunArgs>),
    /// Show the cases without launching anything.
    Plan(PlanArgs),
    /// List what there is.
    List(ListArgs),
    /// Write a scenario that runs as it is, to be changed into a reported bug.
    New(NewArgs),
    /// Make a lab that stays up.
    Up(UpArgs),
    /// Show the labs that are up, or the machines of one.
    Status(StatusArgs),
    /// Open a shell on a machine of a lab that is up.
    Shell(ShellArgs),
    /// Run a program on a machine of a lab that is up.
    Exec(ExecArgs),
    /// Try the cases of a lab that is up.
    Test(TestArgs),
    /// End a lab that is up.
    Down(DownArgs),
    /// Remove what labs that were killed have left.
    Gc(GcArgs),
    /// Show why a case ends as it does: the packet's way and the rule that ended it.
    Explain(ExplainArgs),
    /// Render a finished run again.
    Report(ReportArgs),
    /// Print a GitHub Actions matrix: distro × scenario × shard.
    CiMatrix(CiMatrixArgs),
    /// Show what earlier runs showed: when a case turned, what changed then, how often it flakes.
    History(HistoryArgs),
    /// Write down what a run is known to show, for `lab run --baseline`.
    Baseline(BaselineArgs),
    /// Fetch, build and check the images that virtual machines boot from.
    Image(ImageArgs),
    /// Show what each provider lacks on this machine and how to get it.
    Doctor(DoctorArgs),
    /// Print the JSON Schema of a file format.
    Schema(SchemaArgs),
    /// Print the completion script of a shell.
    Completions(CompletionsArgs),
}

/// What is to run.
#[derive(Clone, Debug, Args)]
pub struct SelectionArgs {
    /// Distros by id or alias, for instance `rhel`; each scenario's own when none is named.
    #[arg(value_name = "DISTRO")]
    pub distros: Vec<String>,
    /// Scenario by id or by its folder; `all` for every one.
    #[arg(short, long = "scenario", value_name = "ID|DIR", default_value = "pod-ip-502", action = ArgAction::Append)]
    pub scenarios: Vec<String>,
    /// Remedies to try beside as installed: an id (may be repeated), `all` or `none`.
    #[arg(long = "remedy", value_name = "ID|all|none", default_value = "all", action = ArgAction::Append)]
    pub remedies: Vec<String>,
    /// Only cases whose name holds this text; may be repeated, any of the texts is enough.
    #[arg(long = "filter", value_name = "TEXT", action = ArgAction::Append)]
    pub filters: Vec<String>,
    /// Only the K-th of N parts of the cases, divided so that all parts take about as long.
    #[arg(long, value_name = "K/N")]
    pub shard: Option<Shard>,
    /// Divide by how long clusters took in a finished run (its folder or report.json) or a history; all shards need
    /// the same file.
    #[arg(long, value_name = "FILE")]
    pub times: Option<Utf8PathBuf>,
    /// What the lab is made of.
    #[command(flatten)]
    pub lab: LabArgs,
}

/// `lab run`.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// What is to run.
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Hosts that exist.
    #[command(flatten)]
    pub existing: ExistingArgs,
    /// How often a case that does not end as expected is tried again.
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u32).range(0..=10))]
    pub retries: u32,
    /// How many clusters are brought up at the same time; the number of processors when it is not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub jobs: Option<u32>,
    /// Folder for the report; a new one below ./reports when it is not given.
    #[arg(long, value_name = "DIR")]
    pub report: Option<Utf8PathBuf>,
    /// Compare with what `lab baseline update` wrote: only what changed is told, and decides the exit status.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<Utf8PathBuf>,
    /// Where the history is.
    #[command(flatten)]
    pub history: HistoryFile,
    /// What is done with the lock file.
    #[command(flatten)]
    pub lock: LockArgs,
    /// Leave the lab up after the run, under this name or one that is free.
    #[arg(long, value_name = "NAME", num_args = 0..=1, require_equals = true)]
    pub keep: Option<Option<LabName>>,
    /// Leave whole machines, stopped at their checkpoint, to the next run with `--reuse`, and take those that an earlier one
    /// has left under the same lock file: nothing is installed again. `lab status` shows them, `lab down` removes them.
    #[arg(long, conflicts_with = "keep")]
    pub reuse: bool,
    /// Write what happens as JSON lines to this file, named pipe or device (`lab schema events`).
    #[arg(long, value_name = "FILE")]
    pub events: Option<Utf8PathBuf>,
    /// How long the run may take (`90m`, `2h 30m`); what has not ended by then is an error.
    #[arg(long, value_name = "TIME", value_parser = limit)]
    pub timeout: Option<Duration>,
    /// How long one phase of one cluster may take (`hosts`, `deploy`, `probe`, …); 15 minutes when it is not given.
    #[arg(long, value_name = "TIME", value_parser = limit)]
    pub phase_timeout: Option<Duration>,
    /// How the cases are printed while they end.
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<RunFormat>,
}

/// How `lab run` prints the cases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum RunFormat {
    /// One line per case.
    Pretty,
    /// One character per case.
    Terse,
    /// One JSON object per event.
    Json,
}

/// `lab plan`.
#[derive(Clone, Debug, Args)]
pub struct PlanArgs {
    /// What is to run.
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// How it is printed.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Format,
}

/// How a listing is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// `lab doctor`.
#[derive(Clone, Debug, Args)]
pub struct DoctorArgs {
    /// How it is printed.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Format,
    /// Which libvirt is looked at.
    #[arg(long, value_name = "URI", env = "PATHLAB_LIBVIRT_URI", default_value = "qemu:///system")]
    pub libvirt_uri: String,
}

/// `lab list`.
#[derive(Clone, Debug, Args)]
pub struct ListArgs {
    /// What is listed.
    #[arg(value_name = "WHAT")]
    pub what: Listed,
    /// How it is printed.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ListFormat,
}

/// How `lab list` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// For pages: scenarios only.
    Markdown,
}

/// `lab new`.
#[derive(Clone, Debug, Args)]
pub struct NewArgs {
    /// The scenario's id, in kebab-case: the folder's name.
    #[arg(value_name = "ID")]
    pub id: String,
    /// The report that it is about: `canonical/microk8s#4903` or a URL.
    #[arg(long, value_name = "REPORT")]
    pub from: String,
    /// Folder in which the scenario's folder is made; Pathlab's own `scenarios` when it is not given.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<Utf8PathBuf>,
}

/// What can be listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Listed {
    /// Operating system releases.
    Distros,
    /// Scenarios.
    Scenarios,
    /// What makes machines.
    Providers,
}

/// `lab explain`.
#[derive(Clone, Debug, Args)]
pub struct ExplainArgs {
    /// The case's name, as `lab plan` prints it: `SCENARIO::DISTRO::as-installed|REMEDY::FROM-to-TARGET`.
    pub case: String,
    /// Folder of the scenario, when it is not a shipped one.
    #[arg(short, long, value_name = "DIR", conflicts_with = "lab")]
    pub scenario: Option<String>,
    /// Look in a lab that is up instead of a fresh one.
    #[arg(long, value_name = "NAME")]
    pub lab: Option<String>,
    /// What runs the manifests of a fresh lab: `dataplane` when it is not given.
    #[arg(long, value_name = "C", value_parser = cluster(), conflicts_with = "lab")]
    pub cluster: Option<ClusterKind>,
    /// Folder of the Kubernetes programs, for `--cluster kubernetes`.
    #[arg(long, value_name = "DIR", env = "PATHLAB_KUBE_BIN", hide_env_values = true)]
    pub kube_bin: Option<Utf8PathBuf>,
}

/// `lab up`.
#[derive(Clone, Debug, Args)]
pub struct UpArgs {
    /// Name of the lab: lower-case letters, digits and hyphens.
    #[arg(value_name = "NAME")]
    pub name: LabName,
    /// Distros by id or alias, for instance `rhel`; the scenario's own when none is named.
    #[arg(value_name = "DISTRO")]
    pub distros: Vec<String>,
    /// Scenario by id or by its folder.
    #[arg(short, long = "scenario", value_name = "ID|DIR", default_value = "pod-ip-502", action = ArgAction::Append)]
    pub scenarios: Vec<String>,
    /// Apply this remedy where it is for the distro; as installed when it is not given.
    #[arg(long, value_name = "ID")]
    pub remedy: Option<String>,
    /// What is done with the lock file.
    #[command(flatten)]
    pub lock: LockArgs,
    /// What the lab is made of.
    #[command(flatten)]
    pub lab: LabArgs,
}

/// `lab status`.
#[derive(Clone, Debug, Args)]
pub struct StatusArgs {
    /// Name of a lab, to see its machines.
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// How it is printed.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Format,
}

/// `lab shell`.
#[derive(Clone, Debug, Args)]
pub struct ShellArgs {
    /// Name of the lab.
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Machine as `lab status NAME` shows it, or as much of that as tells it apart: `rhel-9.5/node-1`, `outside`.
    #[arg(value_name = "MACHINE")]
    pub machine: String,
}

/// `lab exec`.
#[derive(Clone, Debug, Args)]
pub struct ExecArgs {
    /// Name of the lab.
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Machine as `lab status NAME` shows it, or as much of that as tells it apart: `rhel-9.5/node-1`, `outside`.
    #[arg(value_name = "MACHINE")]
    pub machine: String,
    /// Program with its arguments. Its exit status is passed on; 127 when there is no such program.
    #[arg(value_name = "CMD", last = true, required = true)]
    pub command: Vec<String>,
}

/// `lab test`.
#[derive(Clone, Debug, Args)]
pub struct TestArgs {
    /// Name of the lab.
    #[arg(value_name = "NAME")]
    pub name: String,
    /// Arguments as test programs of Rust take them: `--list`, `--exact`, a part of a case's name, …
    #[arg(value_name = "LIBTEST ARGUMENTS", trailing_var_arg = true, allow_hyphen_values = true)]
    pub arguments: Vec<String>,
}

/// `lab down`.
#[derive(Clone, Debug, Args)]
pub struct DownArgs {
    /// Name of the lab.
    #[arg(value_name = "NAME", required_unless_present = "all")]
    pub name: Option<String>,
    /// Every lab.
    #[arg(long, conflicts_with = "name")]
    pub all: bool,
}

/// `lab gc`.
#[derive(Clone, Debug, Args)]
pub struct GcArgs {
    /// Only say what would be removed.
    #[arg(long)]
    pub dry_run: bool,
}

/// `lab report`.
#[derive(Clone, Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct ReportArgs {
    /// What to do, but for rendering again.
    #[command(subcommand)]
    pub command: Option<ReportCommand>,
    /// Folder of the finished run.
    #[arg(value_name = "DIR", required = true)]
    pub dir: Option<Utf8PathBuf>,
    /// What is printed. For `markdown` and `annotations` no file is written.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: ReportFormat,
}

/// What to do with reports.
#[derive(Clone, Debug, Subcommand)]
pub enum ReportCommand {
    /// Make one report of the reports of all shards, as if one run had done it all.
    Merge(MergeArgs),
}

/// `lab report merge`.
#[derive(Clone, Debug, Args)]
pub struct MergeArgs {
    /// Folders of the shards' runs.
    #[arg(value_name = "DIR", required = true)]
    pub dirs: Vec<Utf8PathBuf>,
    /// Folder for the whole report.
    #[arg(short, long, value_name = "DIR")]
    pub output: Utf8PathBuf,
    /// Merge what is there: the report says which shards are missing, and the exit status is 3.
    #[arg(long)]
    pub partial: bool,
    /// Compare the whole with this baseline.
    #[arg(long, value_name = "FILE")]
    pub baseline: Option<Utf8PathBuf>,
    /// Where the history is.
    #[command(flatten)]
    pub history: HistoryFile,
}

/// What `lab report` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// The summary, for a terminal.
    Text,
    /// The summary of a CI job, in Markdown: for `$GITHUB_STEP_SUMMARY`.
    Markdown,
    /// One line per finding, as GitHub Actions reads them: `::error title=…::…`.
    Annotations,
}

/// `lab ci-matrix`.
#[derive(Clone, Debug, Args)]
pub struct CiMatrixArgs {
    /// What is to run.
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Into how many shards each combination of distro and scenario is divided at most.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=256))]
    pub shards: u32,
    /// Divide all cases together into so many shards, whatever their distros and scenarios.
    #[arg(long)]
    pub whole: bool,
}

/// Where the history is.
#[derive(Clone, Debug, Default, Args)]
pub struct HistoryFile {
    /// The history of runs; `$XDG_STATE_HOME/pathlab/history.sqlite` when it is not given.
    #[arg(long, value_name = "FILE")]
    pub history: Option<Utf8PathBuf>,
    /// Neither read nor write a history.
    #[arg(long, conflicts_with = "history")]
    pub no_history: bool,
}

/// `lab history`.
#[derive(Clone, Debug, Args)]
pub struct HistoryArgs {
    /// Only cases whose name holds this text, steady ones too; those that changed or flaked when it is not given.
    #[arg(value_name = "CASE TEXT")]
    pub case: Option<String>,
    /// How many of the last runs are looked at.
    #[arg(long, value_name = "N", default_value_t = 14, value_parser = clap::value_parser!(u32).range(1..))]
    pub last: u32,
    /// Runs of this provider; of the newest run's provider when it is not given.
    #[arg(long, value_name = "P", value_parser = provider())]
    pub provider: Option<ProviderKind>,
    /// Runs of this cluster of the provider.
    #[arg(long, value_name = "C", value_parser = cluster(), requires = "provider")]
    pub cluster: Option<ClusterKind>,
    /// The history of runs; `$XDG_STATE_HOME/pathlab/history.sqlite` when it is not given.
    #[arg(long, value_name = "FILE")]
    pub history: Option<Utf8PathBuf>,
    /// How it is printed.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Format,
}

/// `lab baseline`.
#[derive(Clone, Debug, Args)]
pub struct BaselineArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: BaselineCommand,
}

/// What to do with a baseline.
#[derive(Clone, Debug, Subcommand)]
pub enum BaselineCommand {
    /// Write what a finished run shows, one case a line, and say what is new in it.
    Update {
        /// The baseline.
        #[arg(value_name = "FILE")]
        file: Utf8PathBuf,
        /// Folder of the finished run.
        #[arg(long, value_name = "DIR")]
        from: Utf8PathBuf,
    },
}

/// `lab schema`.
#[derive(Clone, Debug, Args)]
pub struct SchemaArgs {
    /// Which format.
    #[arg(value_name = "WHAT")]
    pub what: SchemaKind,
}

/// `lab completions`.
#[derive(Clone, Debug, Args)]
pub struct CompletionsArgs {
    /// Which shell.
    pub shell: Shell,
}

/// A time limit: `90s`, `15m`, `2h 30m`.
fn limit(text: &str) -> Result<Duration, String> {
    let parsed: Option<jiff::SignedDuration> = text.parse().ok();
    let limit = parsed.and_then(|limit| Duration::try_from(limit).ok()).filter(|limit| !limit.is_zero());
    limit.ok_or_else(|| "expected a time like `90s`, `15m` or `2h 30m`".to_owned())
}

/// `lab image`.
#[derive(Clone, Debug, Args)]
pub struct ImageArgs {
    /// What to do with images.
    #[command(subcommand)]
    pub action: ImageAction,
}

/// What to do with images.
#[derive(Clone, Debug, Subcommand)]
pub enum ImageAction {
    /// List the images: which are here, and how to get the others.
    List(ImageListArgs),
    /// Download images, unless they are here and right. An interrupted download goes on where it ended.
    Fetch(ImageFetchArgs),
    /// Read the images that are here and compare their sums.
    Verify(ImageVerifyArgs),
    /// Build an image from this machine's own package sources, unless it is here and right.
    Build(ImageBuildArgs),
}

/// Images of the user's own.
#[derive(Clone, Debug, Args)]
pub struct OwnImageArgs {
    /// Your own file in the place of a distro's image, for instance `rhel=FILE`; may be repeated.
    #[arg(long = "image", value_name = "DISTRO=FILE", action = ArgAction::Append)]
    pub images: Vec<OwnImageArg>,
}

/// `DISTRO=FILE`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnImageArg {
    /// The distro's id or alias.
    pub distro: String,
    /// The file.
    pub file: Utf8PathBuf,
}

impl std::str::FromStr for OwnImageArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((distro, file)) if !distro.is_empty() && !file.is_empty() => {
                Ok(Self { distro: distro.to_owned(), file: file.into() })
            }
            _ => Err("expected DISTRO=FILE".to_owned()),
        }
    }
}

/// `lab image list`.
#[derive(Clone, Debug, Args)]
pub struct ImageListArgs {
    /// How it is printed.
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    pub format: Format,
    /// The user's own.
    #[command(flatten)]
    pub own: OwnImageArgs,
}

/// `lab image fetch`.
#[derive(Clone, Debug, Args)]
pub struct ImageFetchArgs {
    /// Distros by id or alias.
    #[arg(value_name = "DISTRO", required = true)]
    pub distros: Vec<String>,
    /// The user's own.
    #[command(flatten)]
    pub own: OwnImageArgs,
    /// After how many seconds a server that sends nothing has failed.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub stall: u64,
}

/// `lab image verify`.
#[derive(Clone, Debug, Args)]
pub struct ImageVerifyArgs {
    /// Distros by id or alias; all whose image is here when none is named.
    #[arg(value_name = "DISTRO")]
    pub distros: Vec<String>,
    /// The user's own.
    #[command(flatten)]
    pub own: OwnImageArgs,
    /// What is done with the lock file.
    #[command(flatten)]
    pub lock: LockArgs,
}

/// What is done with `pathlab.lock`.
#[derive(Clone, Debug, Args)]
pub struct LockArgs {
    /// Record what was used (images, versions of kernel, firewall and cluster) in the lock file.
    #[arg(long)]
    pub lock: bool,
    /// Refuse whatever differs from what the lock file holds.
    #[arg(long, conflicts_with = "lock")]
    pub locked: bool,
    /// The lock file.
    #[arg(long, value_name = "FILE", default_value = "pathlab.lock")]
    pub lock_file: Utf8PathBuf,
}

/// `lab image build`.
#[derive(Clone, Debug, Args)]
pub struct ImageBuildArgs {
    /// The distro by id or alias.
    #[arg(value_name = "DISTRO")]
    pub distro: String,
    /// Build it again although it is here: packages of today.
    #[arg(long)]
    pub anew: bool,
}

pub(super) fn provider() -> impl clap::builder::TypedValueParser<Value = ProviderKind> {
    use clap::builder::{PossibleValuesParser, TypedValueParser};
    PossibleValuesParser::new(ProviderKind::ALL.iter().map(|kind| kind.as_str())).try_map(|word| word.parse())
}

pub(super) fn cluster() -> impl clap::builder::TypedValueParser<Value = ClusterKind> {
    use clap::builder::{PossibleValuesParser, TypedValueParser};
    PossibleValuesParser::new(ClusterKind::ALL.iter().map(|kind| kind.as_str())).try_map(|word| word.parse())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
