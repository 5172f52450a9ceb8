//! A training's parameters: their names, defaults and checks. The names are those of the sweep file.

use std::path::PathBuf;

use clap::{Args as _, FromArgMatches as _, ValueEnum};
use serde::Serialize;

use crate::augmentation::Augmentation;
use crate::data::{Duplicates, Recipe, Sampling};
use crate::error::TrainError;
use crate::fitting::Fitting;
use crate::labels::Head;
use crate::resuming::Resuming;
use crate::weights::fetch::PUBLISHED;

/// Everything a training depends on. Written beside every checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, clap::Args)]
pub struct Config {
    /// Folder of UTKFace files (searched recursively), a .tar or .tar.gz of them, or a .csv that lists files
    #[arg(long, value_name = "PATH", help_heading = "Data")]
    pub path: PathBuf,

    /// Side of the square that images are resized to, in pixels
    #[arg(long = "image_size", alias = "image-size", default_value = "256", value_parser = whole, help_heading = "Data")]
    pub image_size: i64,

    /// Use only so many images, chosen by split_seed
    #[arg(long, value_parser = whole, help_heading = "Data")]
    pub limit: Option<i64>,

    /// Seed of the split into training, validation and test; `seed` does not move it
    #[arg(long = "split_seed", alias = "split-seed", default_value = "7", value_parser = whole, help_heading = "Data")]
    pub split_seed: i64,

    /// Use exactly the split that another training or `sweep-train data split` wrote
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    pub manifest: Option<PathBuf>,

    /// What is done about files that are the same picture
    #[arg(long, default_value = "apart", ignore_case = true, help_heading = "Data")]
    pub duplicates: Duplicates,

    /// Folder for decoded images, shared by trials; `none`: keep them in memory
    /// [default: sweep/data in XDG_CACHE_HOME or ~/.cache]
    #[arg(long, value_name = "DIR", help_heading = "Data")]
    pub cache: Option<String>,

    /// How an epoch's images are drawn
    #[arg(long, default_value = "shuffle", ignore_case = true, help_heading = "Data")]
    pub sampling: Sampling,

    /// Head whose classes `sampling: balanced` draws equally often
    #[arg(
        long = "balance_head",
        alias = "balance-head",
        default_value = "age",
        ignore_case = true,
        help_heading = "Data"
    )]
    pub balance_head: Head,

    /// Batches that are prepared ahead of the step; 0: none
    #[arg(long, default_value = "4", value_parser = whole, help_heading = "Data")]
    pub prefetch: i64,

    #[command(flatten)]
    #[serde(flatten)]
    pub augmentation: Augmentation,

    #[arg(
        long = "resnet_type",
        alias = "resnet-type",
        default_value = "resnet50",
        ignore_case = true,
        help_heading = "Model"
    )]
    pub resnet_type: ResnetType,

    /// `none`, `imagenet`, or a .pth, .ckpt or .safetensors file of a torchvision ResNet, of this trainer, or of its
    /// Python ancestor
    #[arg(long, default_value = "none", value_name = "none|imagenet|FILE", help_heading = "Model")]
    pub weights: String,

    /// Where `imagenet` is fetched from
    #[arg(long = "weights_url", alias = "weights-url", default_value = PUBLISHED, env = "SWEEP_WEIGHTS_URL", value_name = "URL", help_heading = "Model")]
    pub weights_url: String,

    /// Width behind the backbone
    #[arg(long, default_value = "512", value_parser = whole, help_heading = "Model")]
    pub layer1: i64,

    /// Width of each head's first layer
    #[arg(long, default_value = "256", value_parser = whole, help_heading = "Model")]
    pub layer2: i64,

    /// Width of each head's second layer
    #[arg(long, default_value = "128", value_parser = whole, help_heading = "Model")]
    pub layer3: i64,

    /// Dropout in the heads, from 0 to 1
    #[arg(long = "dropout_val", alias = "dropout-val", default_value_t = 0.2, help_heading = "Model")]
    pub dropout_val: f64,

    #[arg(long, default_value = "gelu", ignore_case = true, help_heading = "Model")]
    pub activation: Activation,

    /// Classes of the age head
    #[arg(long = "age_num_targets", alias = "age-num-targets", default_value = "9", value_parser = whole, help_heading = "Model")]
    pub age_num_targets: i64,

    /// Classes of the sex head
    #[arg(long = "gender_num", alias = "gender-num", default_value = "2", value_parser = whole, help_heading = "Model")]
    pub gender_num: i64,

    /// Classes of the race head
    #[arg(long = "race_num", alias = "race-num", default_value = "5", value_parser = whole, help_heading = "Model")]
    pub race_num: i64,

    /// Passes over the training images
    #[arg(long, default_value = "25", value_parser = whole, help_heading = "Training")]
    pub epochs: i64,

    /// Training images of one step; validation takes four times as many
    #[arg(long = "batch_size", alias = "batch-size", default_value = "32", value_parser = whole, help_heading = "Training")]
    pub batch_size: i64,

    /// Learning rate, at its highest
    #[arg(long, default_value_t = 1e-4, help_heading = "Training")]
    pub lr: f64,

    /// Weight decay: decoupled for adamw, in the gradient for sgd
    #[arg(long = "weight_decay", alias = "weight-decay", default_value_t = 0.01, help_heading = "Training")]
    pub weight_decay: f64,

    /// Stop after so many epochs without a better total-f1score; 0: never
    #[arg(long = "early_stop_patience", alias = "early-stop-patience", default_value = "5", value_parser = whole, help_heading = "Training")]
    pub early_stop_patience: i64,

    /// Seed of weights, order, augmentation and dropout
    #[arg(long, default_value = "7", value_parser = whole, help_heading = "Training")]
    pub seed: i64,

    /// CPU threads [default: OMP_NUM_THREADS, or all cores]
    #[arg(long, value_parser = whole, help_heading = "Running")]
    pub threads: Option<i64>,

    /// auto, cpu, or cuda:N
    #[arg(long, default_value = "auto", help_heading = "Running")]
    pub device: String,

    /// Steps between two points of the per-step curves
    #[arg(long = "log_every", alias = "log-every", default_value = "10", value_parser = whole, help_heading = "Running")]
    pub log_every: i64,

    /// Folder for checkpoints [default: SWEEP_CHECKPOINT_DIR, or the first free runs/N]
    #[arg(long, value_name = "DIR", help_heading = "Running")]
    pub out: Option<PathBuf>,

    /// Whether the best model is scored on the test images when the training is over; told, but no metric
    #[arg(long = "test_at_end", alias = "test-at-end", default_value_t = true, action = clap::ArgAction::Set, num_args = 0..=1, default_missing_value = "true", value_parser = clap::builder::BoolishValueParser::new(), help_heading = "Running")]
    pub test_at_end: bool,

    #[command(flatten)]
    #[serde(flatten)]
    pub resuming: Resuming,

    #[command(flatten)]
    #[serde(flatten)]
    pub fitting: Fitting,
}

/// Depth of the backbone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[value(rename_all = "lower")]
#[serde(rename_all = "lowercase")]
pub enum ResnetType {
    Resnet18,
    Resnet34,
    Resnet50,
    Resnet101,
    Resnet152,
    /// What the Python project's sweep file says; it trained resnet152 under that name.
    #[value(hide = true)]
    Resnet150,
}

impl ResnetType {
    /// What is really trained.
    pub fn effective(self) -> Self {
        if self == Self::Resnet150 { Self::Resnet152 } else { self }
    }

    /// torchvision's name of what is really trained.
    pub fn word(self) -> &'static str {
        match self {
            Self::Resnet18 => "resnet18",
            Self::Resnet34 => "resnet34",
            Self::Resnet50 => "resnet50",
            Self::Resnet101 => "resnet101",
            Self::Resnet152 | Self::Resnet150 => "resnet152",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
pub enum Activation {
    #[value(name = "gelu")]
    #[serde(rename = "gelu")]
    Gelu,
    #[value(name = "ReLU")]
    #[serde(rename = "ReLU")]
    Relu,
}

/// Where a training's first weights come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    Fresh,
    /// torchvision's published weights for `resnet_type`.
    Imagenet,
    File(PathBuf),
}

/// An integer; a sweep's quantised distributions write `32.0`, which is one as well.
pub(crate) fn whole(text: &str) -> Result<i64, String> {
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    match text.parse::<f64>() {
        Ok(number) if number.fract() == 0.0 && number.abs() < 9e15 => Ok(number as i64),
        _ => Err("not a whole number".to_owned()),
    }
}

/// The user's folder for what can be had again, such as decoded images; `None` for a user without a home.
pub(crate) fn user_cache() -> Option<PathBuf> {
    cache_among(|name| std::env::var_os(name).map(PathBuf::from))
}

fn cache_among(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let set = |name: &str| variable(name).filter(|path| path.is_absolute());
    let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    Some(cache?.join("sweep"))
}

impl Config {
    /// What is trained on `path` when nothing else is said.
    pub fn with_defaults(path: impl Into<PathBuf>) -> Self {
        let command = Self::augment_args(clap::Command::new("sweep-train").no_binary_name(true));
        let parsed =
            command.try_get_matches_from(["--path=-"]).and_then(|matches| Self::from_arg_matches(&matches));
        // The defaults are written above, and a test parses them.
        let config = parsed.unwrap_or_else(|error| unreachable!("the defaults do not parse: {error}"));
        Self { path: path.into(), ..config }
    }

    /// Classes of a head.
    pub fn classes(&self, head: Head) -> i64 {
        match head {
            Head::Age => self.age_num_targets,
            Head::Sex => self.gender_num,
            Head::Race => self.race_num,
        }
    }

    /// # Errors
    /// [`TrainError::Config`], naming every parameter that makes no sense.
    pub fn check(&self) -> Result<(), TrainError> {
        let mut wrong = Vec::new();
        let mut at_least = |name: &str, value: i64, least: i64| {
            if value < least {
                wrong.push(format!("{name} is {value}, but must be at least {least}"));
            }
        };
        at_least("image_size", self.image_size, 32);
        at_least("limit", self.limit.unwrap_or(i64::MAX), 1);
        at_least("split_seed", self.split_seed, 0);
        at_least("prefetch", self.prefetch, 0);
        at_least("layer1", self.layer1, 1);
        at_least("layer2", self.layer2, 1);
        at_least("layer3", self.layer3, 1);
        at_least("epochs", self.epochs, 1);
        at_least("batch_size", self.batch_size, 1);
        at_least("early_stop_patience", self.early_stop_patience, 0);
        at_least("seed", self.seed, 0);
        at_least("threads", self.threads.unwrap_or(1), 1);
        at_least("log_every", self.log_every, 1);
        for (name, head) in
            [("age_num_targets", Head::Age), ("gender_num", Head::Sex), ("race_num", Head::Race)]
        {
            at_least(name, self.classes(head), head.classes().len() as i64);
        }
        if !(0.0..1.0).contains(&self.dropout_val) {
            wrong.push(format!("dropout_val is {}, but must be at least 0 and below 1", self.dropout_val));
        }
        if !(self.lr.is_finite() && self.lr > 0.0) {
            wrong.push(format!("lr is {}, but must be above 0", self.lr));
        }
        if !(self.weight_decay.is_finite() && self.weight_decay >= 0.0) {
            wrong.push(format!("weight_decay is {}, but must be at least 0", self.weight_decay));
        }
        wrong.extend(self.augmentation.wrong());
        wrong.extend(self.resuming.wrong());
        wrong.extend(self.fitting.wrong(self.epochs, self.batch_size));
        if self.manifest.is_some() && self.limit.is_some() {
            wrong.push("manifest says which images are used; leave limit out".to_owned());
        }
        if wrong.is_empty() { Ok(()) } else { Err(TrainError::Config(wrong.join("\n  "))) }
    }

    /// Where decoded images are kept on disk, if they are.
    pub fn cache_folder(&self) -> Option<PathBuf> {
        match self.cache.as_deref() {
            Some(none) if none.is_empty() || none.eq_ignore_ascii_case("none") => None,
            Some(folder) => Some(PathBuf::from(folder)),
            None => Some(user_cache()?.join("data")),
        }
    }

    /// How training images become batches.
    pub fn recipe(&self) -> Recipe {
        self.augmentation.recipe(self.seed as u64)
    }

    /// What to start from.
    pub fn start(&self) -> Start {
        match &*self.weights {
            none if none.is_empty() || none.eq_ignore_ascii_case("none") => Start::Fresh,
            published if published.eq_ignore_ascii_case("imagenet") => Start::Imagenet,
            file => Start::File(PathBuf::from(file)),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    #[command(args_override_self = true)]
    struct Cli {
        #[command(flatten)]
        config: Config,
    }

    pub(crate) fn parse(args: &[&str]) -> Result<Config, clap::Error> {
        Cli::try_parse_from(std::iter::once(&"sweep-train").chain(args)).map(|cli| cli.config)
    }

    #[test]
    fn a_sweeps_arguments_are_understood() {
        let config = parse(&[
            "--path=./data/faces",
            "--resnet_type=resnet150",
            "--activation=ReLU",
            "--lr=1e-05",
            "--batch_size=32.0",
            "--dropout_val=0.3",
        ])
        .unwrap();
        assert_eq!(config.resnet_type.effective(), ResnetType::Resnet152);
        assert_eq!((config.activation, config.batch_size, config.lr), (Activation::Relu, 32, 1e-5));
        assert!(config.check().is_ok());
    }

    #[test]
    fn the_defaults_are_those_of_the_command_line() {
        assert_eq!(Config::with_defaults("-x"), parse(&["--path=-x"]).unwrap());
    }

    #[test]
    fn every_mistake_is_named() {
        let config =
            parse(&["--path=x", "--epochs=0", "--dropout_val=1.5", "--lr=-1", "--race_num=4"]).unwrap();
        let message = config.check().unwrap_err().to_string();
        for name in ["epochs", "dropout_val", "lr", "race_num"] {
            assert!(message.contains(name), "{message}");
        }
        let message = parse(&["--path=x", "--limit=9", "--manifest=split.jsonl", "--prefetch=-1"]);
        let message = message.unwrap().check().unwrap_err().to_string();
        for words in ["leave limit out", "prefetch is -1"] {
            assert!(message.contains(words), "{message}");
        }
        assert!(parse(&["--path=x", "--batch_size=1.5"]).is_err());
        assert!(parse(&["--path=x", "--resnet_type=resnet19"]).is_err());
    }

    #[test]
    fn what_can_be_had_again_is_kept_where_the_user_keeps_caches() {
        let found = |known: &[(&str, &str)]| {
            let known = known.to_vec();
            cache_among(move |name| known.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()))
        };
        assert_eq!(found(&[("HOME", "/home/me")]), Some("/home/me/.cache/sweep".into()));
        let both = [("HOME", "/home/me"), ("XDG_CACHE_HOME", "/fast")];
        assert_eq!(found(&both), Some("/fast/sweep".into()));
        // The specification has relative paths ignored.
        assert_eq!(found(&[("HOME", "/h"), ("XDG_CACHE_HOME", "x")]), Some("/h/.cache/sweep".into()));
        assert_eq!(found(&[]), None);
        let folder = |cache: &str| parse(&["--path=x", cache]).unwrap().cache_folder();
        assert_eq!((folder("--cache=none"), folder("--cache=d")), (None, Some("d".into())));
    }
}
