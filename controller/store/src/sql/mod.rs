//! The tables in SQL, once for SQLite and PostgreSQL: a connection needs to run statements, and a transaction to
//! number changes.

mod reads;
pub(crate) mod rows;
pub(crate) mod statements;
mod tables;

use std::borrow::Cow;

use async_trait::async_trait;
use uuid::Uuid;

use crate::Result;

pub(crate) use statements::Statement;

/// A parameter of a statement.
#[derive(Debug, Clone)]
pub(crate) enum Value<'a> {
    Int(Option<i64>),
    Real(Option<f64>),
    Text(Option<Cow<'a, str>>),
    Bytes(Option<Cow<'a, [u8]>>),
    Id(Uuid),
    Flag(bool),
}

macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::sql::Value::from($value)),*] };
}
pub(crate) use values;

macro_rules! from {
    ($($type:ty, $value:pat => $to:expr;)*) => {
        $(impl<'a> From<$type> for Value<'a> {
            fn from($value: $type) -> Self { $to }
        })*
    };
}
from! {
    i64, value => Self::Int(Some(value));
    Option<i64>, value => Self::Int(value);
    u32, value => Self::Int(Some(value.into()));
    Option<u32>, value => Self::Int(value.map(i64::from));
    Option<i32>, value => Self::Int(value.map(i64::from));
    // The same 64 bits; databases have signed integers only.
    u64, value => Self::Int(Some(value.cast_signed()));
    Option<u64>, value => Self::Int(value.map(u64::cast_signed));
    Option<f64>, value => Self::Real(value);
    &'a str, value => Self::Text(Some(storable(Cow::Borrowed(value))));
    &'a String, value => Self::Text(Some(storable(Cow::Borrowed(value))));
    String, value => Self::Text(Some(storable(Cow::Owned(value))));
    Option<&'a str>, value => Self::Text(value.map(Cow::Borrowed).map(storable));
    Option<String>, value => Self::Text(value.map(Cow::Owned).map(storable));
    Option<&'a [u8]>, value => Self::Bytes(value.map(Cow::Borrowed));
    Uuid, value => Self::Id(value);
    bool, value => Self::Flag(value);
}

impl Value<'_> {
    /// The same, for as long as one likes.
    pub(crate) fn into_owned(self) -> Value<'static> {
        match self {
            Self::Int(value) => Value::Int(value),
            Self::Real(value) => Value::Real(value),
            Self::Text(value) => Value::Text(value.map(|text| Cow::Owned(text.into_owned()))),
            Self::Bytes(value) => Value::Bytes(value.map(|bytes| Cow::Owned(bytes.into_owned()))),
            Self::Id(value) => Value::Id(value),
            Self::Flag(value) => Value::Flag(value),
        }
    }
}

/// Text without NUL, which PostgreSQL has no place for; what programs print and people name may have some.
fn storable(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "\u{fffd}")) } else { text }
}

/// A connection, inside a transaction or not.
#[async_trait]
pub(crate) trait Sql: Send {
    type Row: SqlRow;

    async fn fetch(&mut self, statement: &Statement, values: Vec<Value<'_>>) -> Result<Vec<Self::Row>>;
    /// See [`crate::port::Rows::change`].
    async fn last_change(&mut self) -> Result<u64>;

    async fn fetch_optional(
        &mut self,
        statement: &Statement,
        values: Vec<Value<'_>>,
    ) -> Result<Option<Self::Row>> {
        Ok(self.fetch(statement, values).await?.into_iter().next())
    }
}

/// A connection with an open transaction.
#[async_trait]
pub(crate) trait SqlTx: Sql {
    /// Whether statements lock what they read; with one writer there is nobody to lock out.
    const LOCKS: bool;

    /// How many rows it touched.
    async fn execute(&mut self, statement: &Statement, values: Vec<Value<'_>>) -> Result<u64>;

    /// Runs a statement of which nothing is asked: at the latest before the next one that something is asked of.
    async fn change(&mut self, statement: &Statement, values: Vec<Value<'_>>) -> Result<()> {
        self.execute(statement, values).await.map(drop)
    }

    /// A number for a change in this transaction; larger than every number of a change that is visible by now.
    async fn next_change(&mut self) -> Result<i64>;
}

/// A row's columns by name. A missing or ill-typed one means that the schema is not ours.
pub(crate) trait SqlRow: Send {
    fn int(&self, column: &str) -> Result<Option<i64>>;
    fn real(&self, column: &str) -> Result<Option<f64>>;
    fn text(&self, column: &str) -> Result<Option<String>>;
    fn bytes(&self, column: &str) -> Result<Option<Vec<u8>>>;
    fn id(&self, column: &str) -> Result<Uuid>;
    fn flag(&self, column: &str) -> Result<bool>;
}

/// Implements [`SqlRow`] for a driver's row.
macro_rules! sql_row {
    ($row:ty) => {
        impl $crate::sql::SqlRow for $row {
            fn int(&self, column: &str) -> $crate::Result<Option<i64>> {
                sqlx::Row::try_get(self, column).map_err($crate::sql::rows::unreadable(column))
            }
            fn real(&self, column: &str) -> $crate::Result<Option<f64>> {
                sqlx::Row::try_get(self, column).map_err($crate::sql::rows::unreadable(column))
            }
            fn text(&self, column: &str) -> $crate::Result<Option<String>> {
                sqlx::Row::try_get(self, column).map_err($crate::sql::rows::unreadable(column))
            }
            fn bytes(&self, column: &str) -> $crate::Result<Option<Vec<u8>>> {
                sqlx::Row::try_get(self, column).map_err($crate::sql::rows::unreadable(column))
            }
            fn id(&self, column: &str) -> $crate::Result<uuid::Uuid> {
                sqlx::Row::try_get(self, column).map_err($crate::sql::rows::unreadable(column))
            }
            fn flag(&self, column: &str) -> $crate::Result<bool> {
                sqlx::Row::try_get(self, column).map_err($crate::sql::rows::unreadable(column))
            }
        }
    };
}
pub(crate) use sql_row;

/// Implements [`Sql`] for something that has a driver's connection:
/// `sql_connection!(Reader, SqliteRow, |me, _statement| &mut *me.0, last_change: last_change(&mut me.0).await)`.
macro_rules! sql_connection {
    ($type:ty, $row:ty, |$me:ident, $statement:ident| $conn:expr, last_change: $change:expr) => {
        #[async_trait::async_trait]
        impl $crate::sql::Sql for $type {
            type Row = $row;

            async fn fetch(
                &mut self,
                statement: &$crate::sql::Statement,
                values: Vec<$crate::sql::Value<'_>>,
            ) -> $crate::Result<Vec<$row>> {
                let ($me, $statement) = (self, statement);
                let query = $crate::sql::bound!(sqlx::query(statement.text), values);
                query.fetch_all($conn).await.map_err($crate::StoreError::database(statement.what))
            }

            async fn last_change(&mut self) -> $crate::Result<u64> {
                let $me = self;
                $change
            }
        }
    };
}
pub(crate) use sql_connection;

/// Runs a statement with its values on a driver's connection. How many rows it touched.
macro_rules! executed {
    ($conn:expr, $statement:expr, $values:expr) => {{
        let query = $crate::sql::bound!(sqlx::query($statement.text), $values);
        let done = query.execute($conn).await;
        done.map(|done| done.rows_affected()).map_err($crate::StoreError::database($statement.what))
    }};
}
pub(crate) use executed;

/// A query with its values bound.
macro_rules! bound {
    ($query:expr, $values:expr) => {{
        let mut query = $query;
        for value in $values {
            query = match value {
                $crate::sql::Value::Int(value) => query.bind(value),
                $crate::sql::Value::Real(value) => query.bind(value),
                $crate::sql::Value::Text(value) => query.bind(value),
                $crate::sql::Value::Bytes(value) => query.bind(value.map(std::borrow::Cow::into_owned)),
                $crate::sql::Value::Id(value) => query.bind(value),
                $crate::sql::Value::Flag(value) => query.bind(value),
            };
        }
        query
    }};
}
pub(crate) use bound;
