//! Parameters of how a model is fitted: optimiser, schedule, losses, precision. Part of [`crate::Config`].

use clap::{ArgAction, ValueEnum};
use serde::{Deserialize, Serialize};

use crate::config::whole;
use crate::losses::{ClassWeights, OrdinalAge};
use crate::optim::{Rule, Schedule};
use crate::precision::Precision;

/// How a model is fitted. Every default is what the Python project did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, clap::Args)]
#[serde(default)]
pub struct Fitting {
    /// Rule of the steps
    #[arg(long, default_value = "adamw", ignore_case = true, help_heading = "Optimisation")]
    pub optimizer: OptimizerName,

    /// Momentum of sgd, from 0 to 1
    #[arg(long, default_value_t = 0.9, help_heading = "Optimisation")]
    pub momentum: f64,

    /// Whether sgd's momentum is Nesterov's
    #[arg(long, default_value_t = false, action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true", value_parser = clap::builder::BoolishValueParser::new(), help_heading = "Optimisation")]
    pub nesterov: bool,

    /// Course of the learning rate; `lr` is its highest
    #[arg(long, default_value = "constant", ignore_case = true, help_heading = "Optimisation")]
    pub schedule: ScheduleName,

    /// one_cycle: share of the steps in which the rate rises
    #[arg(long = "pct_start", alias = "pct-start", default_value_t = 0.3, help_heading = "Optimisation")]
    pub pct_start: f64,

    /// one_cycle: the first rate is lr by this
    #[arg(long = "div_factor", alias = "div-factor", default_value_t = 25.0, help_heading = "Optimisation")]
    pub div_factor: f64,

    /// one_cycle: the last rate is the first by this
    #[arg(
        long = "final_div_factor",
        alias = "final-div-factor",
        default_value_t = 1e4,
        help_heading = "Optimisation"
    )]
    pub final_div_factor: f64,

    /// cosine: share of the steps in which the rate rises
    #[arg(long, default_value_t = 0.05, help_heading = "Optimisation")]
    pub warmup: f64,

    /// Longest gradient; a longer one is shortened to it; 0: any
    #[arg(long = "grad_clip", alias = "grad-clip", default_value_t = 0.0, help_heading = "Optimisation")]
    pub grad_clip: f64,

    /// Decay of averaged weights, which are then validated and kept; 0: none
    #[arg(long, default_value_t = 0.0, help_heading = "Optimisation")]
    pub ema: f64,

    /// The backbone's share of the learning rate
    #[arg(long = "backbone_lr", alias = "backbone-lr", default_value_t = 1.0, help_heading = "Optimisation")]
    pub backbone_lr: f64,

    /// Epochs at the start in which only the heads learn
    #[arg(long = "freeze_epochs", alias = "freeze-epochs", default_value = "0", value_parser = whole, help_heading = "Optimisation")]
    pub freeze_epochs: i64,

    /// Goes in which a batch passes through the model, their gradients added up
    #[arg(long, default_value = "1", value_parser = whole, help_heading = "Optimisation")]
    pub accumulate: i64,

    /// Share of each target that is spread over all classes
    #[arg(
        long = "label_smoothing",
        alias = "label-smoothing",
        default_value_t = 0.0,
        help_heading = "Losses"
    )]
    pub label_smoothing: f64,

    /// sord: targets that know the order of the age groups
    #[arg(
        long = "ordinal_age",
        alias = "ordinal-age",
        default_value = "none",
        ignore_case = true,
        help_heading = "Losses"
    )]
    pub ordinal_age: OrdinalAge,

    /// Weights of classes in the losses
    #[arg(
        long = "class_weights",
        alias = "class-weights",
        default_value = "balanced",
        ignore_case = true,
        help_heading = "Losses"
    )]
    pub class_weights: ClassWeights,

    /// Whether what is judged or predicted is the mean of the image's and its mirror image's logits
    #[arg(long, default_value_t = false, action = ArgAction::Set, num_args = 0..=1, default_missing_value = "true", value_parser = clap::builder::BoolishValueParser::new(), help_heading = "Running")]
    pub mirror: bool,

    /// Numbers to compute with; auto: bf16 on processors that multiply it, fp16 on a GPU
    #[arg(long, default_value = "auto", ignore_case = true, help_heading = "Running")]
    pub precision: Precision,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[value(rename_all = "lower")]
#[serde(rename_all = "lowercase")]
pub enum OptimizerName {
    AdamW,
    Sgd,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[value(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum ScheduleName {
    Constant,
    OneCycle,
    Cosine,
}

impl Default for Fitting {
    fn default() -> Self {
        Self {
            optimizer: OptimizerName::AdamW,
            momentum: 0.9,
            nesterov: false,
            schedule: ScheduleName::Constant,
            pct_start: 0.3,
            div_factor: 25.0,
            final_div_factor: 1e4,
            warmup: 0.05,
            grad_clip: 0.0,
            ema: 0.0,
            backbone_lr: 1.0,
            freeze_epochs: 0,
            accumulate: 1,
            label_smoothing: 0.0,
            ordinal_age: OrdinalAge::None,
            class_weights: ClassWeights::Balanced,
            mirror: false,
            precision: Precision::Auto,
        }
    }
}

impl Fitting {
    /// The optimiser's rule.
    pub fn rule(&self) -> Rule {
        match self.optimizer {
            OptimizerName::AdamW => Rule::AdamW,
            OptimizerName::Sgd => Rule::Sgd { momentum: self.momentum, nesterov: self.nesterov },
        }
    }

    /// The rate's course.
    pub fn schedule(&self) -> Schedule {
        let &Self { pct_start, div_factor, final_div_factor, warmup, .. } = self;
        match self.schedule {
            ScheduleName::Constant => Schedule::Constant,
            ScheduleName::OneCycle => Schedule::OneCycle { pct_start, div_factor, final_div_factor },
            ScheduleName::Cosine => Schedule::Cosine { warmup },
        }
    }

    /// Every parameter that makes no sense, in words.
    pub(crate) fn wrong(&self, epochs: i64, batch_size: i64) -> Vec<String> {
        let mut wrong = Vec::new();
        let mut must = |holds: bool, name: &str, value: f64, rule: &str| {
            if !holds {
                wrong.push(format!("{name} is {value}, but must be {rule}"));
            }
        };
        let below_one = "at least 0 and below 1";
        for (name, value) in [
            ("momentum", self.momentum),
            ("warmup", self.warmup),
            ("ema", self.ema),
            ("label_smoothing", self.label_smoothing),
        ] {
            must((0.0..1.0).contains(&value), name, value, below_one);
        }
        must(
            self.pct_start > 0.0 && self.pct_start < 1.0,
            "pct_start",
            self.pct_start,
            "above 0 and below 1",
        );
        for (name, value) in [("div_factor", self.div_factor), ("final_div_factor", self.final_div_factor)] {
            must(value.is_finite() && value > 0.0, name, value, "above 0");
        }
        for (name, value) in [("grad_clip", self.grad_clip), ("backbone_lr", self.backbone_lr)] {
            must(value.is_finite() && value >= 0.0, name, value, "at least 0");
        }
        let frozen = self.freeze_epochs;
        let rule = format!("at least 0 and below epochs, which is {epochs}");
        must((0..epochs.max(1)).contains(&frozen), "freeze_epochs", frozen as f64, &rule);
        let rule = format!("at least 1 and at most batch_size, which is {batch_size}");
        must((1..=batch_size.max(1)).contains(&self.accumulate), "accumulate", self.accumulate as f64, &rule);
        let still = self.nesterov && self.optimizer == OptimizerName::Sgd && self.momentum == 0.0;
        must(!still, "momentum", self.momentum, "above 0 with nesterov");
        wrong
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::parse;

    #[test]
    fn the_struct_and_the_command_line_have_the_same_defaults() {
        assert_eq!(parse(&["--path=x"]).unwrap().fitting, Fitting::default());
    }

    #[test]
    fn a_sweeps_spellings_are_understood() {
        let fitting = parse(&[
            "--path=x",
            "--optimizer=SGD",
            "--nesterov=true",
            "--schedule=one_cycle",
            "--accumulate=4.0",
            "--precision=bf16",
            "--class_weights=adjusted",
            "--mirror=True",
        ])
        .unwrap()
        .fitting;
        assert_eq!(fitting.rule(), Rule::Sgd { momentum: 0.9, nesterov: true });
        assert!(matches!(fitting.schedule(), Schedule::OneCycle { .. }));
        assert_eq!((fitting.accumulate, fitting.precision), (4, Precision::Bf16));
        assert!(fitting.class_weights == ClassWeights::Adjusted && fitting.mirror);
    }

    #[test]
    fn every_mistake_is_named() {
        for (argument, words) in [
            ("--momentum=1", "momentum is 1, but must be at least 0 and below 1"),
            ("--pct_start=0", "pct_start is 0"),
            ("--div_factor=-2", "div_factor is -2"),
            ("--ema=1.5", "ema is 1.5"),
            ("--grad_clip=NaN", "grad_clip is NaN"),
            (
                "--freeze_epochs=25",
                "freeze_epochs is 25, but must be at least 0 and below epochs, which is 25",
            ),
            (
                "--accumulate=33",
                "accumulate is 33, but must be at least 1 and at most batch_size, which is 32",
            ),
            ("--label_smoothing=1", "label_smoothing is 1"),
        ] {
            let said = parse(&["--path=x", argument]).unwrap().check().unwrap_err().to_string();
            assert!(said.contains(words), "{argument}: {said}");
        }
        assert!(parse(&["--path=x", "--schedule=sometimes"]).is_err());
    }
}
