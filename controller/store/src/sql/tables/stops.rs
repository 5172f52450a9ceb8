//! Changes to what stop rules remember.

use async_trait::async_trait;
use sweep_core::stop::{Account, Entry, Judged, Judgement, Verdict};
use uuid::Uuid;

use super::json;
use crate::Result;
use crate::port::{PausedTrial, StopTables};
use crate::sql::{SqlTx, rows, statements as sql, values};

#[async_trait]
impl<T: SqlTx> StopTables for T {
    async fn sweep_account(&mut self, sweep: &str, account: &Account) -> Result<()> {
        self.change(&sql::SWEEP_ACCOUNT, values![sweep, json(account)?]).await
    }

    async fn sweeps_ruled(&mut self) -> Result<Vec<String>> {
        let found = self.fetch(&sql::SWEEPS_RULED, values![]).await?;
        found.iter().map(|row| rows::text(row, "id")).collect()
    }

    async fn claimed_at(&mut self, sweep: &str) -> Result<Vec<i64>> {
        let found = self.fetch(&sql::CLAIMED_AT, values![sweep]).await?;
        found.iter().map(|row| rows::int(row, "claimed_at")).collect()
    }

    async fn judged(&mut self, trial: Uuid) -> Result<Judged> {
        let row = self.fetch_optional(&sql::JUDGED, values![trial]).await?;
        row.map_or_else(|| Ok(Judged::default()), |row| rows::judged(&row))
    }

    async fn trial_judged(&mut self, trial: Uuid, judged: &Judged) -> Result<()> {
        self.change(&sql::TRIAL_JUDGED, values![trial, json(judged)?]).await
    }

    async fn trials_paused(&mut self, sweep: &str) -> Result<Vec<PausedTrial>> {
        self.fetch(&sql::TRIALS_PAUSED, values![sweep]).await?.iter().map(rows::paused).collect()
    }

    async fn trial_promote(&mut self, trial: Uuid, reason: &str, judged: &Judged) -> Result<()> {
        let change = self.next_change().await?;
        self.change(&sql::TRIAL_PROMOTE, values![trial, reason, json(judged)?, change]).await
    }

    async fn trials_stop_paused(&mut self, sweep: &str, now_ms: i64) -> Result<()> {
        let change = self.next_change().await?;
        self.change(&sql::TRIALS_STOP_PAUSED, values![sweep, now_ms, change]).await
    }

    async fn judgement_last(&mut self, sweep: &str) -> Result<u64> {
        let row = self.fetch_optional(&sql::JUDGEMENT_LAST, values![sweep]).await?;
        row.map_or(Ok(0), |row| rows::count(&row, "number"))
    }

    async fn judgement_insert(&mut self, sweep: &str, judgement: &Judgement) -> Result<()> {
        let verdict = match &judgement.verdict {
            Verdict::Continue => None,
            verdict => Some(json(verdict)?),
        };
        let row = values![sweep, judgement.number, judgement.trial, json(&judgement.events)?, verdict];
        self.change(&sql::JUDGEMENT_INSERT, row).await
    }

    async fn judgements_of(&mut self, sweep: &str, trial: u64) -> Result<Vec<Judgement>> {
        let found = self.fetch(&sql::JUDGEMENTS_OF, values![sweep, trial]).await?;
        found.iter().map(rows::judgement).collect()
    }

    async fn rung_entries(&mut self, sweep: &str, of: Option<(u32, u64)>) -> Result<Vec<(u32, u64, Entry)>> {
        let found = match of {
            Some((bracket, rung)) => self.fetch(&sql::RUNG_ENTRIES_AT, values![sweep, bracket, rung]).await?,
            None => self.fetch(&sql::RUNG_ENTRIES, values![sweep]).await?,
        };
        found.iter().map(rows::entry).collect()
    }

    async fn rung_enter(&mut self, sweep: &str, (bracket, rung, entry): (u32, u64, Entry)) -> Result<()> {
        let row = values![sweep, bracket, rung, entry.trial, entry.value, entry.passed];
        self.change(&sql::RUNG_ENTER, row).await
    }

    async fn rungs_leave(&mut self, sweep: &str, trial: u64) -> Result<()> {
        self.change(&sql::RUNGS_LEAVE, values![sweep, trial]).await
    }
}
