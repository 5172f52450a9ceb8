//! Changes to the tables.

mod attempts;
mod checkpoints;
mod models;
mod stops;
mod sweeps;
mod trials;

use std::time::Duration;

use serde::Serialize;

use super::SqlTx;
use crate::port::{Rows, Tables};
use crate::{Result, StoreError};

fn json(value: &(impl Serialize + ?Sized)) -> Result<String> {
    serde_json::to_string(value).map_err(|error| StoreError::corrupt(error.to_string()))
}

fn millis(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

impl<T: SqlTx> Tables for T {
    fn rows(&mut self) -> &mut dyn Rows {
        self
    }
}
