//! The reaper's turn: one controller at a time takes leases away.
//!
//! It is an advisory lock of a session that does nothing else. The session ends with its controller, and by the
//! server's hand when the controller is silent for [`SILENCE`] (frozen, or its machine gone), so another takes over. A
//! reaper that lost its turn without noticing does no harm: a lease is taken only as long as it was not renewed.

use std::time::Duration;

use sqlx::Connection as _;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::open;
use crate::{Result, StoreError};

const LOCK: i64 = 0x5357_4545_5002;
/// The server ends the session after so long without a word; reapers look every few seconds.
const SILENCE: &str = "30s";
/// A server that does not answer for so long is not there.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) struct Turn {
    pub(super) options: PgConnectOptions,
    held: Mutex<Option<Session>>,
}

struct Session {
    conn: PgConnection,
    ours: bool,
}

impl Turn {
    pub(super) fn new(options: PgConnectOptions) -> Self {
        let options = options.options([("idle_session_timeout", SILENCE)]);
        Self { options, held: Mutex::new(None) }
    }

    /// Whether it is this controller's turn, taking it when nobody has it.
    pub(super) async fn is_ours(&self) -> Result<bool> {
        let mut held = self.held.lock().await;
        // Taken out: a session that is dropped half-way, or that failed, is not used again.
        let mut session = match held.take() {
            Some(session) => session,
            None => Session { conn: open::connect(&self.options).await?, ours: false },
        };
        if session.ours {
            // Having the session is having the lock.
            if !matches!(timeout(PATIENCE, session.conn.ping()).await, Ok(Ok(()))) {
                return Ok(false);
            }
        } else {
            let asked = sqlx::query_scalar("select pg_try_advisory_lock($1)").bind(LOCK);
            session.ours = timeout(PATIENCE, asked.fetch_one(&mut session.conn))
                .await
                .unwrap_or_else(|_| Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())))
                .map_err(StoreError::database("asking for the reaper's turn"))?;
        }
        let ours = session.ours;
        *held = Some(session);
        Ok(ours)
    }
}
