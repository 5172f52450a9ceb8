//! The use cases, once for all backends: what a claim, a report, an end or a person's verb reads and writes, in which
//! order, and what is refused. Decisions without I/O are core's; tables and transactions are the backends', behind
//! [`crate::port`]. A rule that is to change or to be added belongs here (or into core), and nowhere else.

pub(crate) mod annotations;
pub(crate) mod checkpoints;
pub(crate) mod claims;
pub(crate) mod ends;
pub(crate) mod layouts;
pub(crate) mod models;
mod objectives;
pub(crate) mod reads;
pub(crate) mod reports;
pub(crate) mod shown;
mod standing;
pub(crate) mod stops;
pub(crate) mod sweeps;
pub(crate) mod wishes;
