//! The gRPC services: in, do, out. Nothing is decided here.

mod agents;
mod convert;
mod models;
mod refuse;
mod sweeps;

pub(crate) use agents::Agents;
pub(crate) use models::Models;
pub(crate) use sweeps::Sweeps;
