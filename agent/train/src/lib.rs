//! The trainer: fine-tunes a torchvision-compatible ResNet with age, sex and race heads on UTKFace-named images.
//!
//! Invariants: the training loop only calls an [`observe::Observer`] and obeys what it returns; it never prints,
//! sends or sleeps. Every random choice comes from `seed` or `split_seed`. Nothing here knows of sweeps.

pub mod augment;
pub mod augmentation;
pub mod bench;
pub mod checkpoint;
pub mod config;
pub mod data;
mod device;
pub mod durable;
pub mod error;
pub mod evaluate;
pub mod export;
pub mod fit;
pub mod fitting;
mod hex;
pub mod labels;
pub mod losses;
pub mod model;
mod native;
pub mod observe;
pub mod optim;
pub mod precision;
pub mod resnet;
pub mod resume;
pub mod resuming;
pub mod saved;
pub mod score;
pub mod seeds;
pub mod serve;
mod step;
pub mod synth;
mod tally;
mod teller;
pub mod weights;

pub use config::Config;
pub use device::device;
pub use error::TrainError;
pub use fit::{Summary, fit};
