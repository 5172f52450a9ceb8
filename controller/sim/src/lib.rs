//! What Sweep's developers break clusters with, for tests of other packages.
#![forbid(unsafe_code)]

pub mod proxy;
mod small_disk;

pub use small_disk::on_a_small_disk;
