//! `sweep-train bench`: how fast this machine trains.

use std::fmt::Write as _;

use clap::{Args, Subcommand};
use sweep_train::bench::{self, Measured};
use sweep_train::config::ResnetType;
use sweep_train::precision::Precision;
use sweep_train::{Config, TrainError};

use super::bench_load::BenchLoad;
use super::{Output, prepare, print};

#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Images per second of forward passes and whole training steps, on made-up images
    Step(StepArgs),
    /// Images per second that the input pipeline gives
    Load(BenchLoad),
}

#[derive(Debug, Args)]
pub(crate) struct StepArgs {
    /// Steps that are timed
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    repeats: u64,

    #[arg(short = 'o', long = "output", default_value = "table")]
    output: Output,

    #[arg(long = "resnet_type", alias = "resnet-type", default_value = "resnet50", ignore_case = true)]
    resnet_type: ResnetType,

    /// Side of the images in pixels
    #[arg(long = "image_size", alias = "image-size", default_value_t = 128)]
    image_size: i64,

    #[arg(long = "batch_size", alias = "batch-size", default_value_t = 32)]
    batch_size: i64,

    #[arg(long, default_value = "auto", ignore_case = true)]
    precision: Precision,

    /// CPU threads [default: OMP_NUM_THREADS, or all cores]
    #[arg(long)]
    threads: Option<i64>,

    /// auto, cpu, or cuda:N
    #[arg(long, default_value = "auto")]
    device: String,
}

impl Bench {
    pub(crate) fn run(&self) -> Result<(), TrainError> {
        match self {
            Self::Step(args) => args.run(),
            Self::Load(load) => super::bench_load::run(load),
        }
    }
}

impl StepArgs {
    fn run(&self) -> Result<(), TrainError> {
        let args = self;
        let mut config = Config::with_defaults("made up");
        config.resnet_type = args.resnet_type;
        config.image_size = args.image_size;
        config.batch_size = args.batch_size;
        config.fitting.precision = args.precision;
        config.threads = args.threads;
        config.device.clone_from(&args.device);
        prepare(config.threads)?;
        let measured = bench::step(&config, args.repeats as usize)?;
        match args.output {
            Output::Json => print(&format!("{}\n", serde_json::json!(measured))),
            Output::Table => print(&table(&measured)),
        }
    }
}

fn table(measured: &Measured) -> String {
    let Measured { resnet_type, image_size, batch_size, precision, threads, forward, step, shares, .. } =
        measured;
    let mut out =
        format!("{resnet_type}, {image_size} px, batch {batch_size}, {precision}, {threads} threads\n");
    let _infallible = writeln!(
        out,
        "forward  {forward:8.1} images/s\nstep     {step:8.1} images/s\n  forward and backward {:5.1} %\n  optimizer            {:5.1} %",
        100.0 * shares.forward_and_backward,
        100.0 * shares.optimizer
    );
    out
}
