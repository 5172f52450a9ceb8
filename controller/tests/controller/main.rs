//! The controller as a process: served, looked after, and killed.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod dashboard;
mod database;
mod disk;
mod edges;
mod process;
mod server;
