//! `sweep-sim`: what Sweep's developers load and break a cluster with. No part of the product.
#![forbid(unsafe_code)]

mod bench;
mod fleet;
mod latency;
mod server;

use std::io::Write as _;

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
}

fn main() -> anyhow::Result<()> {
    match Args::parse().command {
        Command::Control(bench) => bench.run(),
    }
}

/// Writes to standard output.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("writing to standard output")
}
