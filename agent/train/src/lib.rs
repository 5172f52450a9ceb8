//! The trainer: fine-tunes a torchvision-compatible ResNet with age, sex and race heads on UTKFace-named images.
//!
//! Invariants: the training loop only calls an [`observe::Observer`] and obeys what it returns; it never prints,
//! sends or sleeps. Every random choice comes from `seed` or `split_seed`. Nothing here knows of sweeps.

pub mod adamw;
pub mod augment;
pub mod checkpoint;
pub mod config;
pub mod data;
mod device;
pub mod error;
pub mod fit;
pub mod labels;
pub mod model;
pub mod observe;
pub mod resnet;
pub mod score;
pub mod seeds;
pub mod synth;
mod tally;
mod teller;
pub mod weights;

pub use config::Config;
pub use error::TrainError;
pub use fit::{Summary, fit};
