//! What Sweep's developers break clusters with, for tests of other packages.
#![forbid(unsafe_code)]

pub mod proxy;
