//! Changes to what stop rules remember.

use async_trait::async_trait;
use sweep_core::stop::{Account, Entry, Judged, Judgement};
use sweep_core::trial::TrialState;
use uuid::Uuid;

use crate::Result;
use crate::memory::Held;
use crate::port::{PausedTrial, Rows as _, StopTables};

#[async_trait]
impl StopTables for Held {
    async fn sweep_account(&mut self, sweep: &str, account: &Account) -> Result<()> {
        self.sweeps.update(&sweep.to_owned(), |row| row.account = *account);
        Ok(())
    }

    async fn sweeps_ruled(&mut self) -> Result<Vec<String>> {
        let ruled =
            self.sweeps.range(..).filter(|(_, row)| !row.stops.is_none() && row.sweep.ended_at_ms.is_none());
        Ok(ruled.map(|(id, _)| id.clone()).collect())
    }

    async fn claimed_at(&mut self, sweep: &str) -> Result<Vec<i64>> {
        let active = self.of_sweep(sweep).filter(|row| row.trial.state.is_active());
        let live = active.filter_map(|row| self.attempts.get(&(row.trial.id, row.trial.attempt)));
        Ok(live.filter(|attempt| attempt.ended.is_none()).map(|attempt| attempt.claimed_at).collect())
    }

    async fn judged(&mut self, trial: Uuid) -> Result<Judged> {
        Ok(self.trial_of(trial).map(|row| row.judged.clone()).unwrap_or_default())
    }

    async fn trial_judged(&mut self, trial: Uuid, judged: &Judged) -> Result<()> {
        self.update_trial(trial, |row| row.judged.clone_from(judged));
        Ok(())
    }

    async fn trials_paused(&mut self, sweep: &str) -> Result<Vec<PausedTrial>> {
        let paused = self.of_sweep(sweep).filter(|row| row.trial.state == TrialState::Paused);
        let one = |row: &crate::memory::TrialRow| PausedTrial {
            id: row.trial.id,
            number: row.trial.number,
            judged: row.judged.clone(),
        };
        Ok(paused.map(one).collect())
    }

    async fn trial_promote(&mut self, trial: Uuid, reason: &str, judged: &Judged) -> Result<()> {
        self.update_trial(trial, |row| {
            row.trial.state = TrialState::Queued;
            reason.clone_into(&mut row.trial.reason);
            row.pause.0 = std::time::Duration::ZERO;
            row.judged.clone_from(judged);
        });
        Ok(())
    }

    async fn trials_stop_paused(&mut self, sweep: &str, now_ms: i64) -> Result<()> {
        for paused in self.trials_paused(sweep).await? {
            self.update_trial(paused.id, |row| {
                row.trial.state = TrialState::StoppedEarly;
                row.trial.finished_at_ms = Some(now_ms);
            });
        }
        Ok(())
    }

    async fn judgement_last(&mut self, sweep: &str) -> Result<u64> {
        Ok(self.judgements(sweep).await?.last().map_or(0, |last| last.number))
    }

    async fn judgement_insert(&mut self, sweep: &str, judgement: &Judgement) -> Result<()> {
        self.judgements.set((sweep.to_owned(), judgement.number), judgement.clone());
        Ok(())
    }

    async fn judgements_of(&mut self, sweep: &str, trial: u64) -> Result<Vec<Judgement>> {
        let mut all = self.judgements(sweep).await?;
        all.retain(|judgement| judgement.trial == trial);
        Ok(all)
    }

    async fn rung_entries(&mut self, sweep: &str, of: Option<(u32, u64)>) -> Result<Vec<(u32, u64, Entry)>> {
        let all =
            self.rungs.range((sweep.to_owned(), 0, 0, 0)..=(sweep.to_owned(), u32::MAX, u64::MAX, u64::MAX));
        let wanted = all.filter(|((_, bracket, rung, _), _)| of.is_none_or(|of| of == (*bracket, *rung)));
        Ok(wanted.map(|((_, bracket, rung, _), entry)| (*bracket, *rung, *entry)).collect())
    }

    async fn rung_enter(&mut self, sweep: &str, (bracket, rung, entry): (u32, u64, Entry)) -> Result<()> {
        self.rungs.set((sweep.to_owned(), bracket, rung, entry.trial), entry);
        Ok(())
    }

    async fn rungs_leave(&mut self, sweep: &str, trial: u64) -> Result<()> {
        for (bracket, rung, entry) in self.rung_entries(sweep, None).await? {
            if entry.trial == trial {
                self.rungs.remove(&(sweep.to_owned(), bracket, rung, trial));
            }
        }
        Ok(())
    }
}
