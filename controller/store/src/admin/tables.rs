//! The tables as an operator's tools see them: names and columns, so that one piece of code moves them all. A test
//! holds the list to the schema.

use crate::Result;
use crate::sql::{SqlRow, Value};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Int,
    Real,
    Text,
    Bytes,
    Id,
    Flag,
}

use Kind::{Bytes, Flag, Id, Int, Real, Text};

#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [(&'static str, Kind)],
}

/// Every table that holds somebody's data, each after those it refers to.
pub(super) const TABLES: &[Table] = &[
    Table {
        name: "sweep",
        columns: &[
            ("id", Text),
            ("request_id", Id),
            ("name", Text),
            ("project", Text),
            ("description", Text),
            ("state", Text),
            ("reason", Text),
            ("method", Text),
            ("objective_name", Text),
            ("goal", Text),
            ("seed", Int),
            ("planned_trials", Int),
            ("retries", Int),
            ("max_parallel", Int),
            ("proposed", Int),
            ("exhausted", Flag),
            ("text", Text),
            ("created_at", Int),
            ("ended_at", Int),
            ("changed", Int),
            ("infrastructure_retries", Int),
            ("fails_non_finite", Flag),
            ("stops", Text),
            ("account", Text),
            ("objectives", Text),
            ("prior", Text),
            ("note", Text),
            ("tags", Text),
        ],
    },
    Table {
        name: "agent",
        columns: &[
            ("id", Id),
            ("name", Text),
            ("host", Text),
            ("version", Text),
            ("slots", Int),
            ("devices", Text),
            ("labels", Text),
            ("registered_at", Int),
            ("proven", Flag),
            ("first_failures", Int),
            ("machine_faults", Int),
            ("benched", Int),
            ("bench_ms", Int),
            ("bench_began", Int),
            ("bench_reason", Text),
            ("wish", Text),
            ("wish_reason", Text),
            ("seen_at", Int),
        ],
    },
    Table {
        name: "trial",
        columns: &[
            ("id", Id),
            ("sweep_id", Text),
            ("number", Int),
            ("state", Text),
            ("reason", Text),
            ("params", Text),
            ("objective", Real),
            ("attempt", Int),
            ("user_faults", Int),
            ("infrastructure_faults", Int),
            ("created_at", Int),
            ("started_at", Int),
            ("finished_at", Int),
            ("changed", Int),
            ("pause_ms", Int),
            ("pause_began", Int),
            ("origin", Text),
            ("judged", Text),
            ("objectives", Text),
            ("stop_reason", Text),
            ("note", Text),
            ("tags", Text),
        ],
    },
    Table { name: "layout", columns: &[("project", Text), ("value", Text)] },
    Table { name: "sweep_count", columns: &[("sweep_id", Text), ("state", Text), ("count", Int)] },
    Table {
        name: "attempt",
        columns: &[
            ("trial_id", Id),
            ("number", Int),
            ("agent_id", Id),
            ("request_id", Id),
            ("lease_ms", Int),
            ("renewals", Int),
            ("acknowledged_seq", Int),
            ("resume_step", Int),
            ("claimed_at", Int),
            ("ended_at", Int),
            ("outcome", Text),
            ("reason", Text),
            ("exit_code", Int),
            ("signal", Int),
            ("facts", Text),
            ("resume_attempt", Int),
            ("resume_seq", Int),
        ],
    },
    Table {
        name: "batch",
        columns: &[
            ("trial_id", Id),
            ("attempt", Int),
            ("first_seq", Int),
            ("last_seq", Int),
            ("points", Bytes),
            ("logs", Bytes),
        ],
    },
    Table {
        name: "metric",
        columns: &[
            ("trial_id", Id),
            ("name", Text),
            ("count", Int),
            ("non_finite", Int),
            ("last", Real),
            ("last_step", Int),
            ("min", Real),
            ("max", Real),
        ],
    },
    Table {
        name: "checkpoint",
        columns: &[
            ("trial_id", Id),
            ("attempt", Int),
            ("seq", Int),
            ("step", Int),
            ("epoch", Real),
            ("path", Text),
            ("metrics", Text),
            ("resume", Flag),
            ("stored_at", Int),
        ],
    },
    Table {
        name: "checkpoint_file",
        columns: &[
            ("trial_id", Id),
            ("attempt", Int),
            ("seq", Int),
            ("name", Text),
            ("sha256", Text),
            ("size", Int),
            ("place", Int),
        ],
    },
    Table {
        name: "model",
        columns: &[
            ("id", Id),
            ("name", Text),
            ("trial_id", Id),
            ("attempt", Int),
            ("seq", Int),
            ("promoted_at", Int),
        ],
    },
    Table {
        name: "model_file",
        columns: &[("model_id", Id), ("name", Text), ("sha256", Text), ("size", Int), ("place", Int)],
    },
    Table { name: "orphan_file", columns: &[("sha256", Text), ("keep_until", Int), ("removing", Flag)] },
    Table {
        name: "media",
        columns: &[
            ("trial_id", Id),
            ("attempt", Int),
            ("seq", Int),
            ("name", Text),
            ("step", Int),
            ("value", Text),
        ],
    },
    Table {
        name: "judgement",
        columns: &[("sweep_id", Text), ("number", Int), ("trial", Int), ("events", Text), ("verdict", Text)],
    },
    Table {
        name: "rung_entry",
        columns: &[
            ("sweep_id", Text),
            ("bracket", Int),
            ("rung", Int),
            ("trial", Int),
            ("value", Real),
            ("passed", Flag),
        ],
    },
];

impl Table {
    fn names(&self) -> String {
        let names: Vec<_> = self.columns.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    }

    pub(super) fn select(&self) -> String {
        format!("select {} from {}", self.names(), self.name)
    }

    pub(super) fn count(&self) -> String {
        format!("select count(*) from {}", self.name)
    }

    /// Inserts so many rows.
    pub(super) fn insert(&self, rows: usize) -> String {
        let width = self.columns.len();
        let row = |at: usize| {
            let places: Vec<_> = (1..=width).map(|column| format!("${}", at * width + column)).collect();
            format!("({})", places.join(", "))
        };
        let rows: Vec<_> = (0..rows).map(row).collect();
        format!("insert into {} ({}) values {}", self.name, self.names(), rows.join(", "))
    }

    /// The values of a row.
    pub(super) fn values(&self, row: &impl SqlRow) -> Result<Vec<Value<'static>>> {
        let value = |(name, kind): &(&str, Kind)| {
            Ok(match kind {
                Int => Value::Int(row.int(name)?),
                Real => Value::Real(row.real(name)?),
                Text => row.text(name)?.into(),
                Bytes => Value::Bytes(row.bytes(name)?.map(Into::into)),
                Id => Value::Id(row.id(name)?),
                Flag => Value::Flag(row.flag(name)?),
            })
        };
        self.columns.iter().map(value).collect()
    }
}
