//! The gRPC services: in, do, out. Nothing is decided here.

mod agents;
mod columns;
mod convert;
mod dashboard;
mod refuse;
mod sweeps;

pub(crate) use agents::Agents;
pub(crate) use dashboard::Dashboard;
pub(crate) use sweeps::Sweeps;
