//! The wire of Sweep.
//!
//! Invariant: wire types stop at the edge. The server's services and the agent's session convert them to core's
//! types at once; nothing behind them sees a generated type.
#![forbid(unsafe_code)]

pub mod content;
pub mod convert;
pub mod status;

/// Generated from `sweep/v1/*.proto`.
#[expect(clippy::all, clippy::pedantic, clippy::allow_attributes, reason = "generated code")]
pub mod v1 {
    tonic::include_proto!("sweep.v1");
}

/// The encoded descriptor set, for the reflection service.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/sweep_v1.bin"));
