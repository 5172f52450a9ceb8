//! The agent: claims trials of a sweep, runs each in a process of its own, and reports what they tell.
//!
//! Two programs in one binary. The *supervisor* speaks to the controller; for each trial it starts a *keeper*, this
//! binary again, that owns the trial's process, spool and exit record. They share nothing but the trial's directory
//! and a control socket, so either may die and the other goes on.
//!
//! Invariant: wire types stop in [`session`]; only the keeper writes a spool and an exit record.
#![forbid(unsafe_code)]

pub mod args;
pub mod exit;
mod git;
mod home;
pub mod keeper;
mod process;
mod session;
mod slots;
mod supervisor;
mod trial;

pub use supervisor::run;
