//! `sweep-sim`: what Sweep's developers load and break a cluster with. No part of the product.
#![forbid(unsafe_code)]

mod bench;
mod board;
mod chaos;
#[cfg(feature = "cluster")]
mod cluster;
mod fill;
mod fleet;
mod judge;
mod kinds;
mod latency;
mod search;
mod server;
mod trial;

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

#[derive(Debug, Parser)]
#[command(name = "sweep-sim", version, about = "Loads a real controller with a simulated fleet")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Control(bench::Bench),
    Chaos(chaos::Chaos),
    Search(search::Search),
    Fill(fill::Fill),
    Board(board::Board),
    #[cfg(feature = "cluster")]
    Cluster(cluster::Cluster),
    #[command(hide = true)]
    Trial(trial::Trial),
}

fn main() -> anyhow::Result<ExitCode> {
    match Args::parse().command {
        Command::Control(bench) => bench.run().map(|()| ExitCode::SUCCESS),
        Command::Board(board) => board.run().map(|()| ExitCode::SUCCESS),
        Command::Fill(fill) => fill.run().map(|()| ExitCode::SUCCESS),
        Command::Search(search) => search.run().map(|()| ExitCode::SUCCESS),
        Command::Chaos(chaos) => Ok(if chaos.run()? { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
        #[cfg(feature = "cluster")]
        Command::Cluster(cluster) => Ok(if cluster.run()? { ExitCode::SUCCESS } else { ExitCode::FAILURE }),
        Command::Trial(trial) => trial.run().map(|()| ExitCode::SUCCESS),
    }
}

/// Writes to standard output.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("writing to standard output")
}
