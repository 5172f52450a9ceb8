//! The command line, as given.

use std::convert::Infallible;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// What clap would take for options: trials of the newest sweep, as `-/3`.
const OF_THE_NEWEST: &str = "-/";
/// Goes before those, so that they are values wherever they stand. No argument of a process can hold it.
const SHIELD: char = '\0';

/// The command line as clap is to see it; [`named`] takes off what is added here. Nothing but names of trials is touched: another
/// word that begins so, of a note or a path, stays as it was given.
pub(crate) fn shielded(words: impl Iterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    words.map(|word| match word.to_str() {
        Some(name) if is_of_the_newest(name) => format!("{SHIELD}{name}").into(),
        _ => word,
    })
}

fn is_of_the_newest(word: &str) -> bool {
    word.strip_prefix(OF_THE_NEWEST)
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()))
}

/// A sweep, a trial, or any other word that may look like one, as it was given.
pub(crate) fn named(word: &str) -> Result<String, Infallible> {
    Ok(word.trim_start_matches(SHIELD).to_owned())
}

/// Creates, watches and queries sweeps.
///
/// Examples:
///   sweep-ctl create sweep_configuration.yaml
///   sweep-ctl watch -
///   sweep-ctl trials k3x9q2ab --top 3
///   sweep-ctl best k3x9q2ab -o json
///
/// A SWEEP is its id, the first letters of it, or `-` for the newest. A TRIAL is SWEEP/NUMBER.
#[derive(Debug, Parser)]
#[command(name = "sweep-ctl", version, verbatim_doc_comment)]
pub(crate) struct Cli {
    /// The controller, before SWEEP_SERVER and any context [default: http://127.0.0.1:7878]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) server: Option<String>,

    /// The controller of this name (`sweep-ctl context`), before SWEEP_CONTEXT [default: the chosen one]
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) context: Option<String>,

    /// How data is printed on standard output.
    #[arg(short, long, global = true, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: Format,

    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Table,
    Json,
    Yaml,
    Csv,
    /// Ids alone, one a line.
    Name,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create a sweep from a file; prints its id and the agent command to run next.
    ///
    /// Examples:
    ///   sweep-ctl create sweep_configuration.yaml
    ///   sweep-agent "$(sweep-ctl create sweep.yaml -o name)"
    #[command(verbatim_doc_comment)]
    Create {
        /// The sweep file; `-` reads standard input.
        file: PathBuf,
        /// Instead of the file's name.
        #[arg(long)]
        name: Option<String>,
        /// Instead of the file's project, by which `list` tells sweeps apart.
        #[arg(short, long)]
        project: Option<String>,
        #[command(flatten)]
        set: Set,
    },
    /// Check sweep files as `create` would, without a controller.
    ///
    /// Examples:
    ///   sweep-ctl validate sweeps/*.yaml
    ///   sweep-ctl validate sweep.yaml -o json
    #[command(verbatim_doc_comment)]
    Validate {
        /// The sweep files; `-` reads standard input.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Show what a sweep file would run: how many trials, and the first command lines. Needs no controller.
    ///
    /// Examples:
    ///   sweep-ctl plan sweep.yaml --count 3
    ///   sweep-ctl plan sweep.yaml --seed 7 -o json
    #[command(verbatim_doc_comment)]
    Plan {
        /// The sweep file; `-` reads standard input.
        file: PathBuf,
        /// How many trials to show.
        #[arg(long, value_name = "N", default_value_t = 10)]
        count: u64,
        /// Instead of the file's seed.
        #[arg(long)]
        seed: Option<u64>,
        #[command(flatten)]
        set: Set,
    },
    /// Say what a key of the sweep file means: its type, default and an example.
    ///
    /// Examples:
    ///   sweep-ctl explain
    ///   sweep-ctl explain metric.goal
    ///   sweep-ctl explain parameters.lr.distribution
    #[command(verbatim_doc_comment)]
    Explain {
        /// Names joined by dots; a parameter may be called anything. Without it: every key at the top.
        #[arg(value_name = "KEY.PATH")]
        path: Option<String>,
    },
    /// Print the JSON Schema of sweep files, for editors.
    ///
    /// Examples:
    ///   sweep-ctl schema > sweep.schema.json
    #[command(verbatim_doc_comment)]
    Schema,
    /// Propose trials of a sweep file to any program, without a controller: one JSON object a line on standard input, and on output.
    ///
    /// Examples:
    ///   echo '{"ask": 3}' | sweep-ctl ask-tell sweep.yaml
    ///   {"tell": {"trial": 3, "value": 0.12}}
    ///   {"tell": {"trial": 3, "step": 10, "epoch": 1, "value": 0.5}}
    ///   {"tell": {"trial": 3, "state": "failed"}}
    #[command(verbatim_doc_comment)]
    AskTell {
        /// The sweep file.
        file: PathBuf,
        /// Instead of the file's seed.
        #[arg(long)]
        seed: Option<u64>,
        #[command(flatten)]
        set: Set,
    },
    /// Play a sweep in virtual time on known curves, and compare methods and stop rules. Needs no controller for a table.
    ///
    /// Examples:
    ///   sweep-ctl simulate sweep.yaml --on curves.csv
    ///   sweep-ctl simulate sweep.yaml --on curves.csv --workers 4 --seeds 20 --method random,tpe+asha,auto+asha \
    ///     --stop '{type: asha, resource: epoch, min: 1, max: 12}' --svg compared.svg
    #[command(verbatim_doc_comment)]
    Simulate(crate::simulate::Simulate),
    /// List sweeps, newest first.
    ///
    /// Examples:
    ///   sweep-ctl list
    ///   sweep-ctl list --state running --project faces
    #[command(visible_alias = "ls", verbatim_doc_comment)]
    List {
        /// Only these states: pending, running, paused, finished, cancelled.
        #[arg(long, value_delimiter = ',', value_name = "STATE")]
        state: Vec<String>,
        /// Only sweeps of this project.
        #[arg(short, long)]
        project: Option<String>,
    },
    /// Show one sweep, or one trial with its attempts.
    ///
    /// Examples:
    ///   sweep-ctl show
    ///   sweep-ctl show k3x9q2ab/4
    #[command(verbatim_doc_comment)]
    Show {
        /// SWEEP or SWEEP/NUMBER.
        #[arg(default_value = "-", value_parser = crate::args::named)]
        what: String,
    },
    Trials(TrialsArgs),
    Trial(crate::trial::TrialArgs),
    Best(crate::best::BestArgs),
    Wait(crate::wait::WaitArgs),
    Retry(crate::again::RetryArgs),
    Extend(crate::again::ExtendArgs),
    Export(crate::export::ExportArgs),
    Plot(crate::plot::PlotArgs),
    Report(crate::report::ReportArgs),
    Top(crate::top::TopArgs),
    Open(crate::open::OpenArgs),
    Agent(crate::agent::AgentArgs),
    Doctor(crate::doctor::DoctorArgs),
    Context(crate::context::ContextArgs),
    Config(crate::context::ConfigArgs),
    Completions(crate::completions::CompletionsArgs),
    Man(crate::completions::ManArgs),
    /// Show the trials of a sweep with several metrics of which no other is better in all of them, and how much they dominate.
    ///
    /// Examples:
    ///   sweep-ctl pareto k3x9q2ab
    ///   sweep-ctl pareto k3x9q2ab --reference 1,600 -o json
    #[command(verbatim_doc_comment)]
    Pareto {
        #[arg(default_value = "-")]
        sweep: String,
        /// Values of the metrics, in their order, beyond which nothing counts in the hypervolume, so that sweeps can be
        /// compared. Without it: the worst of each in the set, and a tenth of their extent beyond.
        #[arg(long, value_delimiter = ',', value_name = "VALUE", allow_negative_numbers = true)]
        reference: Vec<f64>,
    },
    /// Propose every trial of a sweep again from what is recorded, and compare.
    ///
    /// Examples:
    ///   sweep-ctl replay k3x9q2ab
    #[command(verbatim_doc_comment)]
    Replay {
        #[arg(default_value = "-")]
        sweep: String,
    },
    /// Say which parameters decide whether a trial is good (PED-ANOVA).
    ///
    /// Examples:
    ///   sweep-ctl importance k3x9q2ab
    #[command(verbatim_doc_comment)]
    Importance {
        #[arg(default_value = "-")]
        sweep: String,
    },
    /// Print the curves of all trials that are over as a table for `simulate`: CSV, one row a point.
    ///
    /// Examples:
    ///   sweep-ctl curves k3x9q2ab > curves.csv
    #[command(verbatim_doc_comment)]
    Curves {
        #[arg(default_value = "-")]
        sweep: String,
        /// Instead of the sweep's metric.
        #[arg(long, value_name = "NAME")]
        metric: Option<String>,
    },
    Metrics(MetricsArgs),
    Note(crate::annotate::NoteArgs),
    Tag(crate::annotate::TagArgs),
    Media(crate::media::MediaArgs),
    Model(crate::model::ModelArgs),
    Predict(crate::predict::PredictArgs),
    Logs(crate::logs::LogsArgs),
    Watch(crate::watch::WatchArgs),
    /// Start no new trials; running ones go on.
    ///
    /// Examples:
    ///   sweep-ctl pause k3x9q2ab
    #[command(verbatim_doc_comment)]
    Pause {
        sweep: String,
    },
    /// Go on after a pause.
    ///
    /// Examples:
    ///   sweep-ctl resume k3x9q2ab
    #[command(verbatim_doc_comment)]
    Resume {
        sweep: String,
    },
    /// Start no new trials ever; running ones finish.
    ///
    /// Examples:
    ///   sweep-ctl stop k3x9q2ab
    #[command(verbatim_doc_comment)]
    Stop {
        sweep: String,
    },
    /// Start no new trials ever, and kill the running ones.
    ///
    /// Examples:
    ///   sweep-ctl cancel k3x9q2ab
    #[command(verbatim_doc_comment)]
    Cancel {
        sweep: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Set {
    /// Set a key before the file is read, as `run_cap=20` or `parameters.lr.max=0.01`; the value is YAML. Repeatable.
    #[arg(long, value_name = "KEY.PATH=VALUE")]
    pub(crate) set: Vec<String>,
}

/// List the trials of a sweep.
///
/// Examples:
///   sweep-ctl trials k3x9q2ab --top 3
///   sweep-ctl trials k3x9q2ab --where 'lr < 1e-3 and `total-f1score` > 0.6' --sort -seconds
///   sweep-ctl trials k3x9q2ab --where '"best" in tags'
///   sweep-ctl trials - --state failed -o json | jq '.[].reason'
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct TrialsArgs {
    #[arg(default_value = "-")]
    pub(crate) sweep: String,
    /// The best so many, best first; with --sort, the first so many.
    #[arg(long, value_name = "N")]
    pub(crate) top: Option<u32>,
    /// Only these states: queued, running, finished, failed, ...
    #[arg(long, value_delimiter = ',', value_name = "STATE")]
    pub(crate) state: Vec<String>,
    /// Only those for which this holds, of parameters, metrics (NAME, NAME.min, NAME.max), objective, number, state, attempt,
    /// agent, host, seconds, reason, tags; as `constraints` are written.
    #[arg(long = "where", value_name = "EXPRESSION", value_parser = crate::filter::expression)]
    pub(crate) filter: Option<sweep_core::expr::Expr>,
    /// By one of these, ascending; -KEY descending.
    #[arg(long, value_name = "KEY", allow_hyphen_values = true)]
    pub(crate) sort: Option<String>,
}

/// Print the curves of a trial, also while it runs.
///
/// Examples:
///   sweep-ctl metrics k3x9q2ab/4
///   sweep-ctl metrics k3x9q2ab/4 --name total-f1score -o csv > curve.csv
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct MetricsArgs {
    /// SWEEP/NUMBER.
    #[arg(value_parser = crate::args::named)]
    pub(crate) trial: String,
    /// Only these metrics.
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    pub(crate) name: Vec<String>,
    /// At most so many points a curve; thinning keeps ends and extremes.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) points: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trials_of_the_newest_sweep_are_names_wherever_they_stand() {
        for line in [
            "show -/3",
            "note -/3",
            "tag -/3 best",
            "open -/3",
            "logs -/3",
            "metrics -/3",
            "media -/3",
            "retry -/3 -/3",
            "model promote -/3",
            "trial show -/3",
            "trial logs -/3",
            "trial metrics -/3",
            "trial stop -/3 -/3",
            "trial diff -/3 -/3",
            "trial files -/3",
            "trial download -/3",
        ] {
            for line in [format!("sweep-ctl {line} -o json"), format!("sweep-ctl -o json {line}")] {
                let words = line.split(' ').map(OsString::from);
                let cli =
                    Cli::try_parse_from(shielded(words)).unwrap_or_else(|error| panic!("{line}: {error}"));
                assert_eq!(cli.output, Format::Json, "{line}");
                let count = line.matches("-/3").count();
                assert_eq!(format!("{cli:?}").matches("\"-/3\"").count(), count, "{line}: {cli:?}");
            }
        }
    }

    #[test]
    fn no_word_keeps_what_shields_names() {
        let parsed = |words: &[&str]| {
            let words = words.iter().map(|&word| OsString::from(word));
            format!("{:?}", Cli::try_parse_from(shielded(words)).expect("parses"))
        };
        let shield = format!("{SHIELD:?}").replace('\'', "");
        for words in [
            &["sweep-ctl", "note", "-/3", "-/3"][..],
            &["sweep-ctl", "note", "-/3", "--", "-/etc is full"],
            &["sweep-ctl", "tag", "-/3", "-/3", "--remove", "-/4"],
        ] {
            let cli = parsed(words);
            let last = words.last().expect("has words");
            assert!(!cli.contains(&shield) && cli.contains(last), "{cli}");
        }
    }

    #[test]
    fn an_option_is_not_taken_for_the_name_that_may_be_left_out() {
        for command in ["show", "trials", "importance", "curves", "retry", "open", "model show"] {
            let line = format!("sweep-ctl {command} -o json");
            let cli = Cli::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{line}: {error}"));
            assert_eq!(cli.output, Format::Json, "{line}");
        }
    }
}
