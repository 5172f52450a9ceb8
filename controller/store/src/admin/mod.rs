//! What an operator does to a database beside a running controller: look at it, bring its schema up to date, copy it.

mod backup;
mod copy;
mod status;
mod tables;

pub use backup::backup;
pub use copy::{Copied, copy};
pub use status::{Migration, Status, migrate, status};

#[cfg(test)]
mod tests;
