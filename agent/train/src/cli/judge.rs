//! `sweep-train eval`, `predict` and `export`: what is done with a model that was trained.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::json;
use sweep_train::evaluate::{self, Guess, Part, svg, table};
use sweep_train::precision::Precision;
use sweep_train::saved::Saved;
use sweep_train::{TrainError, device, export};

use super::{prepare, print, say};

#[derive(Debug, Args)]
pub(crate) struct Eval {
    /// A checkpoint of sweep-train, an exported model, or a Lightning .ckpt of the Python project
    #[arg(value_name = "MODEL")]
    model: PathBuf,

    /// Folder of UTKFace files, or a .tar or .tar.gz of them
    #[arg(long, value_name = "DATA")]
    path: PathBuf,

    /// Which images
    #[arg(long, default_value = "validation")]
    split: Part,

    #[arg(short = 'o', long = "output", default_value = "table")]
    output: Output,

    /// Seed of the resamplings behind the intervals
    #[arg(long, default_value_t = 7)]
    seed: u64,

    /// The split's seed [default: the model's]
    #[arg(long = "split_seed", alias = "split-seed")]
    split_seed: Option<i64>,

    #[command(flatten)]
    how: How,
}

#[derive(Debug, Args)]
pub(crate) struct Predict {
    /// JPEG or PNG files
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,

    /// A checkpoint of sweep-train, an exported model, or a Lightning .ckpt of the Python project
    #[arg(long = "model", short = 'm', value_name = "MODEL")]
    model: PathBuf,

    #[arg(short = 'o', long = "output", default_value = "table")]
    output: Output,

    #[command(flatten)]
    how: How,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// A checkpoint of sweep-train, or a Lightning .ckpt of the Python project
    #[arg(value_name = "CHECKPOINT")]
    checkpoint: PathBuf,

    /// The .safetensors file to write; the Python that loads it is written beside it
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Where and how to compute.
#[derive(Debug, Args)]
struct How {
    /// Side of the images in pixels [default: the model's]
    #[arg(long = "image_size", alias = "image-size")]
    image_size: Option<i64>,

    /// auto, f32, bf16 or fp16 [default: the model's; of predict: f32]
    #[arg(long, ignore_case = true)]
    precision: Option<Precision>,

    /// Whether to average over each image and its mirror image [default: the model's]
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_parser = clap::builder::BoolishValueParser::new())]
    mirror: Option<bool>,

    /// auto, cpu, or cuda:N
    #[arg(long, default_value = "auto")]
    device: String,

    /// CPU threads [default: OMP_NUM_THREADS, or all cores]
    #[arg(long)]
    threads: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Table,
    Json,
    Svg,
}

/// Opens a model, and says what is to be heard of it first.
fn open(model: &Path) -> Result<Saved, TrainError> {
    let saved = Saved::open(model)?;
    if let Some(warning) = &saved.warning {
        say(&format!("warning: {warning}"));
    }
    Ok(saved)
}

impl How {
    fn open(&self, model: &Path) -> Result<Saved, TrainError> {
        let mut saved = open(model)?;
        let config = &mut saved.config;
        config.image_size = self.image_size.unwrap_or(config.image_size);
        config.fitting.precision = self.precision.unwrap_or(config.fitting.precision);
        config.fitting.mirror = self.mirror.unwrap_or(config.fitting.mirror);
        config.threads = self.threads;
        config.device.clone_from(&self.device);
        Ok(saved)
    }
}

impl Eval {
    pub(crate) fn run(&self) -> Result<(), TrainError> {
        let mut saved = self.how.open(&self.model)?;
        saved.config.path.clone_from(&self.path);
        if self.split == Part::All || self.split_seed.is_some() {
            // The split it was trained on is not the one that is asked for.
            saved.config.manifest = None;
        }
        saved.config.split_seed = self.split_seed.unwrap_or(saved.config.split_seed);
        saved.config.check()?;
        prepare(saved.config.threads)?;
        let report = evaluate::evaluate(&saved, self.split, device(&saved.config.device)?, self.seed)?;
        match self.output {
            Output::Table => print(&table(&report)),
            Output::Json => print(&format!("{:#}\n", json!(report))),
            Output::Svg => print(&svg(&report)),
        }
    }
}

impl Predict {
    pub(crate) fn run(&self) -> Result<(), TrainError> {
        let mut saved = self.how.open(&self.model)?;
        saved.config.fitting.precision = self.how.precision.unwrap_or(evaluate::PRECISION);
        saved.config.check()?;
        prepare(saved.config.threads)?;
        let images: Vec<&Path> = self.images.iter().map(PathBuf::as_path).collect();
        let guesses = evaluate::predict(&saved, device(&saved.config.device)?, &images)?;
        let named = images.iter().zip(&guesses);
        match self.output {
            Output::Table => print(&named.map(|(image, guess)| line(image, guess)).collect::<String>()),
            Output::Json => print(&format!(
                "{:#}\n",
                json!(named.map(|(image, guess)| object(image, guess)).collect::<Vec<_>>())
            )),
            Output::Svg => Err(TrainError::Config("predict prints -o table or -o json".to_owned())),
        }
    }
}

/// How many classes of each head a table shows: age groups, sex, race; JSON has all of them.
const SHOWN: [usize; 3] = [2, 1, 2];

fn line(image: &Path, guess: &Guess) -> String {
    let mut out = format!("{}\n", image.display());
    for (word, (classes, shown)) in ["age", "sex", "race"].iter().zip(guess.iter().zip(SHOWN)) {
        let each: Vec<String> = classes
            .iter()
            .take(shown)
            .map(|(name, share)| format!("{name} ({:.1} %)", 100.0 * share))
            .collect();
        let _infallible = writeln!(out, "  {word:<5} {}", each.join(", "));
    }
    out
}

fn object(image: &Path, guess: &Guess) -> serde_json::Value {
    let all = |head: usize| -> Vec<serde_json::Value> {
        guess[head].iter().map(|(name, share)| json!({"class": name, "probability": share})).collect()
    };
    json!({"image": image, "age": all(0), "sex": all(1), "race": all(2)})
}

impl Export {
    pub(crate) fn run(&self) -> Result<(), TrainError> {
        let saved = open(&self.checkpoint)?;
        let python = export::export(&saved, &self.out)?;
        say(&format!("wrote {} and {}", self.out.display(), python.display()));
        Ok(())
    }
}
