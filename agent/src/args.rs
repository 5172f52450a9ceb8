//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Claims trials of a sweep, runs them on this machine, and reports what they tell.
///
/// Ctrl-C once lets running trials finish, twice stops them and hands them back to the sweep, three times kills them.
#[derive(Debug, Clone, Parser)]
#[command(name = "sweep-agent", version)]
pub struct Args {
    /// The sweep, as `sweep-ctl create` printed it
    #[arg(value_name = "SWEEP")]
    pub sweep: String,

    /// The controller's address
    #[arg(long, env = "SWEEP_SERVER", default_value = "http://127.0.0.1:7878", value_name = "URL")]
    pub server: String,

    /// Trials at a time, on the CPU, with the cores divided among them [default: one per GPU, or one]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub slots: Option<u16>,

    /// Claim at most so many trials, then end
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub count: Option<u64>,

    /// The agent's name for people [default: the host's name]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    /// Where running trials and their events are kept until the controller has them
    /// [default: $XDG_STATE_HOME/sweep/agent, that is ~/.local/state/sweep/agent]
    #[arg(long, env = "SWEEP_AGENT_STATE_DIR", value_name = "DIR")]
    pub state_dir: Option<PathBuf>,

    /// Seconds a trial gets between being told to stop, SIGTERM and SIGKILL; a sweep's `stop_grace` goes before
    #[arg(long, default_value_t = 30, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub grace: u32,

    /// MiB of the disk that the events of a running trial may take while the controller does not take them; past it log
    /// lines and old points are dropped, and that is told
    #[arg(long, env = "SWEEP_SPOOL_LIMIT", default_value_t = 256, value_name = "MIB", value_parser = clap::value_parser!(u64).range(1..=1 << 20))]
    pub spool_limit: u64,

    /// Seconds that trials are kept waiting while the disk is full, before they are given back to the sweep
    #[arg(long, env = "SWEEP_DISK_PATIENCE", default_value_t = 600, value_name = "SECONDS")]
    pub disk_patience: u32,

    /// Seconds that running trials get to end after a first SIGTERM or Ctrl-C, before they are stopped and handed back
    /// [default: as long as they take]
    #[arg(long, env = "SWEEP_DRAIN_TIMEOUT", value_name = "SECONDS")]
    pub drain_timeout: Option<u32>,

    /// Asked with a GPU's number in place of nvidia-smi; it answers `MIB_USED, UNCORRECTABLE_ERRORS`, or fails and says why
    #[arg(long, env = "SWEEP_DEVICE_PROBE", value_name = "COMMAND")]
    pub device_probe: Option<String>,

    /// How the log on standard error looks
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_is_required_and_numbers_are_bounded() {
        assert!(Args::try_parse_from(["sweep-agent"]).is_err());
        assert!(Args::try_parse_from(["sweep-agent", "k3x9q2ab", "--slots", "0"]).is_err());
        let args = Args::try_parse_from(["sweep-agent", "k3x9q2ab", "--slots", "2"]).unwrap();
        assert_eq!(args.slots, Some(2));
    }
}
