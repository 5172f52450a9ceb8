//! The pure part of Sweep.
//!
//! Invariant: nothing here reads a clock, a file, the network or the environment, and nothing draws randomness that
//! is not derived from a recorded seed. What needs time or the environment is given it.
#![forbid(unsafe_code)]

pub mod annotation;
pub mod board;
pub mod breaker;
pub mod command;
pub mod curve;
pub mod expr;
pub mod fault;
pub mod file;
pub mod gp;
pub mod importance;
pub mod layout;
pub mod lease;
pub mod normal;
pub mod objective;
pub mod pareto;
pub mod promotion;
pub mod report;
pub mod retention;
pub mod search;
pub mod simulate;
pub mod space;
pub mod spec;
pub mod stdout;
pub mod stop;
pub mod stream;
pub mod sweep;
pub mod trial;
pub mod value;
