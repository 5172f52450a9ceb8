//! Questions to the tables.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use async_trait::async_trait;
use sweep_core::file::FileRef;
use sweep_core::lease::Lease;
use sweep_core::objective::{Goal, Summary};
use sweep_core::search::{Prior, Recorded};
use sweep_core::stop::Judgement;
use sweep_core::sweep::Counts;
use sweep_core::trial::TrialState;
use uuid::Uuid;

use super::{Sql, SqlRow as _, rows, statements as sql, values};
use crate::port::{Pick, Rows, TrialPoints, TrialResume};
use crate::{
    AgentRow, AgentTrial, AttemptBrief, AttemptKey, AttemptRow, Checkpoint, Media, Model, Reached, Result,
    Sweep, Trial, TrialBrief, TrialName,
};

async fn with_files(sql: &mut impl Sql, model: Model) -> Result<Model> {
    let found = sql.fetch(&sql::MODEL_FILES, values![model.id]).await?;
    Ok(Model { files: found.iter().map(rows::file).collect::<Result<_>>()?, ..model })
}

#[async_trait]
impl<C: Sql> Rows for C {
    async fn change(&mut self) -> Result<u64> {
        self.last_change().await
    }

    async fn sweeps(&mut self) -> Result<Vec<Sweep>> {
        self.fetch(&sql::SWEEPS, values![]).await?.iter().map(rows::sweep).collect()
    }

    async fn sweep(&mut self, id: &str) -> Result<Option<Sweep>> {
        self.fetch_optional(&sql::SWEEP_BY_ID, values![id]).await?.as_ref().map(rows::sweep).transpose()
    }

    async fn sweep_newest(&mut self) -> Result<Option<String>> {
        let row = self.fetch_optional(&sql::SWEEP_NEWEST, values![]).await?;
        row.map(|row| rows::text(&row, "id")).transpose()
    }

    async fn sweeps_by_prefix(&mut self, prefix: &str) -> Result<Vec<String>> {
        // Ids are lower-case letters and digits, which all sort before `{`.
        let found = self.fetch(&sql::SWEEPS_BY_PREFIX, values![prefix, format!("{prefix}{{")]).await?;
        found.iter().map(|row| rows::text(row, "id")).collect()
    }

    async fn project_known(&mut self, project: &str) -> Result<bool> {
        Ok(self.fetch_optional(&sql::SWEEP_OF_PROJECT, values![project]).await?.is_some())
    }

    async fn layout(&mut self, project: &str) -> Result<Option<String>> {
        let row = self.fetch_optional(&sql::LAYOUT, values![project]).await?;
        row.map(|row| rows::text(&row, "value")).transpose()
    }

    async fn sweep_counts(&mut self, sweep: &str) -> Result<Counts> {
        rows::counts(&self.fetch(&sql::SWEEP_COUNTS, values![sweep]).await?)
    }

    async fn sweep_best(&mut self, sweep: &str, goal: Goal) -> Result<Option<(f64, u64)>> {
        let statement = match goal {
            Goal::Minimize => sql::SWEEP_LOWEST,
            Goal::Maximize => sql::SWEEP_HIGHEST,
        };
        let Some(row) = self.fetch_optional(&statement, values![sweep]).await? else { return Ok(None) };
        let number = rows::count(&row, "number")?;
        Ok(row.real("objective")?.map(|objective| (objective, number)))
    }

    async fn trials(&mut self, sweep: &str, pick: Pick) -> Result<Vec<Trial>> {
        let found = match pick {
            Pick::All => self.fetch(&sql::TRIALS, values![sweep]).await?,
            Pick::Best { goal: Goal::Minimize, limit } => {
                self.fetch(&sql::TRIALS_LOWEST, values![sweep, limit]).await?
            }
            Pick::Best { goal: Goal::Maximize, limit } => {
                self.fetch(&sql::TRIALS_HIGHEST, values![sweep, limit]).await?
            }
            Pick::Changed { since, until } => {
                self.fetch(&sql::TRIALS_CHANGED, values![sweep, since, until]).await?
            }
        };
        found.iter().map(rows::trial).collect()
    }

    async fn trials_recorded(&mut self, sweep: &str) -> Result<Vec<Recorded>> {
        self.fetch(&sql::TRIALS_RECORDED, values![sweep]).await?.iter().map(rows::recorded).collect()
    }

    async fn trial(&mut self, name: &TrialName) -> Result<Option<Trial>> {
        let row = match name {
            TrialName::Id(id) => self.fetch_optional(&sql::TRIAL_BY_ID, values![*id]).await?,
            TrialName::Number { sweep, number } => {
                self.fetch_optional(&sql::TRIAL_BY_NUMBER, values![sweep, *number]).await?
            }
        };
        row.as_ref().map(rows::trial).transpose()
    }

    async fn sweep_prior(&mut self, sweep: &str) -> Result<Option<Vec<Prior>>> {
        let row = self.fetch_optional(&sql::SWEEP_PRIOR, values![sweep]).await?;
        let Some(row) = row else { return Ok(None) };
        Ok(Some(rows::optional(&row, "prior")?.unwrap_or_default()))
    }

    async fn trials_count(&mut self, sweep: &str, state: TrialState) -> Result<u64> {
        let row = self.fetch_optional(&sql::TRIALS_COUNT, values![sweep, state.word()]).await?;
        row.map_or(Ok(0), |row| rows::count(&row, "count"))
    }

    async fn metrics_of_trial(&mut self, trial: Uuid) -> Result<Vec<(String, Summary)>> {
        self.fetch(&sql::METRICS_OF_TRIAL, values![trial]).await?.iter().map(rows::metric).collect()
    }

    async fn metrics_of_sweep(&mut self, sweep: &str) -> Result<Vec<(Uuid, String, Summary)>> {
        let found = self.fetch(&sql::METRICS_OF_SWEEP, values![sweep]).await?;
        found
            .iter()
            .map(|row| rows::metric(row).and_then(|(name, summary)| Ok((row.id("trial_id")?, name, summary))))
            .collect()
    }

    async fn attempts(&mut self, trial: Uuid) -> Result<Vec<(AttemptRow, Option<u64>)>> {
        self.fetch(&sql::ATTEMPTS_OF_TRIAL, values![trial]).await?.iter().map(rows::attempt).collect()
    }

    async fn leases(&mut self) -> Result<Vec<Lease<AttemptKey>>> {
        self.fetch(&sql::ATTEMPTS_LIVE, values![]).await?.iter().map(rows::lease).collect()
    }

    async fn checkpoints(&mut self, trial: Uuid) -> Result<Vec<Checkpoint>> {
        let place = |row: &C::Row| Ok((rows::small(row, "attempt")?, rows::count(row, "seq")?));
        let mut files: BTreeMap<(u32, u64), Vec<FileRef>> = BTreeMap::new();
        for row in self.fetch(&sql::FILES_OF_TRIAL, values![trial]).await? {
            files.entry(place(&row)?).or_default().push(rows::file(&row)?);
        }
        let found = self.fetch(&sql::CHECKPOINTS_OF_TRIAL, values![trial]).await?;
        let whole = |row: &C::Row| {
            let files = files.remove(&place(row)?).unwrap_or_default();
            Ok(Checkpoint { files, ..rows::checkpoint(row)? })
        };
        found.iter().map(whole).collect()
    }

    async fn media(&mut self, trial: Uuid) -> Result<Vec<Media>> {
        self.fetch(&sql::MEDIA_OF_TRIAL, values![trial]).await?.iter().map(rows::media).collect()
    }

    async fn models(&mut self) -> Result<Vec<Model>> {
        let mut models = Vec::new();
        for row in self.fetch(&sql::MODELS, values![]).await? {
            models.push(with_files(self, rows::model(&row)?).await?);
        }
        Ok(models)
    }

    async fn model(&mut self, name: &str) -> Result<Option<Model>> {
        match self.fetch_optional(&sql::MODEL_BY_NAME, values![name]).await? {
            Some(row) => Ok(Some(with_files(self, rows::model(&row)?).await?)),
            None => Ok(None),
        }
    }

    async fn judgements(&mut self, sweep: &str) -> Result<Vec<Judgement>> {
        self.fetch(&sql::JUDGEMENTS, values![sweep]).await?.iter().map(rows::judgement).collect()
    }

    async fn points(&mut self, trial: Uuid) -> Result<Vec<(u32, Vec<u8>)>> {
        let found = self.fetch(&sql::BATCH_POINTS, values![trial]).await?;
        found.iter().map(|row| Ok((rows::small(row, "attempt")?, rows::bytes(row, "points")?))).collect()
    }

    async fn logs(&mut self, trial: Uuid, attempt: u32, after: u64) -> Result<Vec<Vec<u8>>> {
        let found = self.fetch(&sql::BATCH_LOGS, values![trial, attempt, after]).await?;
        found.iter().map(|row| rows::bytes(row, "logs")).collect()
    }

    async fn briefs(&mut self, sweep: &str, since: u64, after: u64, most: u32) -> Result<Vec<TrialBrief>> {
        let found = if since == 0 {
            self.fetch(&sql::BRIEFS, values![sweep, after, most]).await?
        } else {
            self.fetch(&sql::BRIEFS_CHANGED, values![sweep, after, most, since]).await?
        };
        found.iter().map(rows::brief).collect()
    }

    async fn briefs_best(&mut self, sweep: &str, goal: Goal, most: u32) -> Result<Vec<TrialBrief>> {
        let statement = match goal {
            Goal::Minimize => sql::BRIEFS_LOWEST,
            Goal::Maximize => sql::BRIEFS_HIGHEST,
        };
        self.fetch(&statement, values![sweep, most]).await?.iter().map(rows::brief).collect()
    }

    async fn brief(&mut self, name: &TrialName) -> Result<Option<TrialBrief>> {
        let row = match name {
            TrialName::Id(id) => self.fetch_optional(&sql::BRIEF_BY_ID, values![*id]).await?,
            TrialName::Number { sweep, number } => {
                self.fetch_optional(&sql::BRIEF_BY_NUMBER, values![sweep, *number]).await?
            }
        };
        row.as_ref().map(rows::brief).transpose()
    }

    async fn attempts_of_sweep(&mut self, sweep: &str, since: u64, most: u32) -> Result<Vec<AttemptBrief>> {
        let found = self.fetch(&sql::ATTEMPTS_OF_SWEEP, values![sweep, since, most]).await?;
        found.iter().map(rows::attempt_brief).collect()
    }

    async fn reached(&mut self, sweep: &str) -> Result<Vec<Reached>> {
        self.fetch(&sql::REACHED, values![sweep]).await?.iter().map(rows::reached).collect()
    }

    async fn points_of_sweep(
        &mut self,
        sweep: &str,
        numbers: RangeInclusive<u64>,
    ) -> Result<Vec<TrialPoints>> {
        let asked = values![sweep, *numbers.start(), *numbers.end()];
        self.fetch(&sql::BATCH_POINTS_OF_SWEEP, asked).await?.iter().map(rows::trial_points).collect()
    }

    async fn resumes_of_sweep(
        &mut self,
        sweep: &str,
        numbers: RangeInclusive<u64>,
    ) -> Result<Vec<TrialResume>> {
        let asked = values![sweep, *numbers.start(), *numbers.end()];
        self.fetch(&sql::RESUMES_OF_SWEEP, asked).await?.iter().map(rows::trial_resume).collect()
    }

    async fn media_newest(&mut self, sweep: &str, name: &str) -> Result<Option<(u64, Media)>> {
        let row = self.fetch_optional(&sql::MEDIA_NEWEST, values![sweep, name]).await?;
        row.map(|row| Ok((rows::count(&row, "number")?, rows::media(&row)?))).transpose()
    }

    async fn agents(&mut self) -> Result<Vec<AgentRow>> {
        self.fetch(&sql::AGENTS, values![]).await?.iter().map(rows::agent).collect()
    }

    async fn agent_trials(&mut self) -> Result<Vec<(Uuid, AgentTrial)>> {
        self.fetch(&sql::AGENT_TRIALS, values![]).await?.iter().map(rows::agent_trial).collect()
    }
}
