//! The server: thin services, use cases, the planner, the reaper.
//!
//! Invariants: wire types stay in `service`; SQL is nowhere here; every decision is core's. Listener, store, lease
//! length, clock and shutdown are given, so tests run the very server on a port, a network and a time of their own.
#![forbid(unsafe_code)]

pub mod app;
pub mod artifacts;
mod clock;
pub mod config;
pub mod database;
mod door;
pub mod files;
mod models;
mod planner;
mod predict;
mod predictors;
mod prior;
mod reaper;
pub mod samples;
mod serve;
mod service;
mod web;

pub use app::App;
pub use clock::Clock;
pub use serve::{serve, serve_on};
