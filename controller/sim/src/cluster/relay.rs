//! What a simulated agent sends of one attempt: its events, its checkpoints, its end.

use rand::RngExt as _;
use sweep_proto::status::Reason;
use sweep_proto::v1::{self, VerdictKind};
use tokio::time::timeout;

use super::agent::{Agent, PACE};
use super::calls::{Client, Failed, PATIENCE};
use super::machine::{Exit, Held, Saved};

/// Most events of a batch.
const BATCH: usize = 40;

impl Agent {
    /// Sends what an attempt tells, until its end is told or it is lost.
    pub(super) async fn relay(&self, key: &v1::AttemptRef) {
        let mut tries = 0;
        loop {
            let Some(next) = self.machine.held(key, |held| self.next(held)) else { return };
            let sent = match next {
                Next::Lost(why) => {
                    self.machine.say(format_args!("gives up attempt {}: {why}", key.attempt));
                    return self.machine.forget(key);
                }
                Next::Nothing => {
                    // Whatever comes first: more to tell by then, or news.
                    let _waited = timeout(PACE, self.machine.news.notified()).await;
                    continue;
                }
                Next::Events(events) => self.report(key, events).await,
                Next::Checkpoint(saved) => self.store(key, saved).await,
                Next::Finish(exit, last_seq) => {
                    if self.finish(key, exit, last_seq).await {
                        return;
                    }
                    Ok(())
                }
            };
            match sent {
                Ok(()) => {
                    tries = 0;
                    let hurry = self.machine.held(key, |held| held.exit.is_some() || held.lost.is_some());
                    if hurry == Some(false) {
                        let _waited = timeout(PACE, self.machine.news.notified()).await;
                    }
                }
                Err(()) => {
                    self.calls.pause(tries).await;
                    tries += 1;
                }
            }
        }
    }

    fn next(&self, held: &Held) -> Next {
        if let Some(why) = &held.lost {
            return Next::Lost(why.clone());
        }
        let unruly = self.machine.world.is_unruly();
        let acknowledged = held.acknowledged as usize;
        if acknowledged < held.events.len() {
            // Sometimes from before what is known, sometimes from beyond it, as after a restart and out of order.
            let first = match self.calls.draw(|rng| rng.random_range(0..20)) {
                0 | 1 if unruly => acknowledged.saturating_sub(self.calls.draw(|rng| rng.random_range(1..8))),
                2 if unruly => (acknowledged + 3).min(held.events.len() - 1),
                _ => acknowledged,
            };
            return Next::Events(held.events.iter().skip(first).take(BATCH).cloned().collect());
        }
        let over = held.exit.as_ref();
        let for_good = over.is_some_and(|exit| exit.outcome == v1::Outcome::Succeeded);
        match (held.checkpoints.front(), over) {
            (Some(saved), _) if !for_good => Next::Checkpoint(saved.clone()),
            (_, Some(exit)) => Next::Finish(exit.clone(), held.events.len() as u64),
            _ => Next::Nothing,
        }
    }

    async fn report(&self, key: &v1::AttemptRef, events: Vec<v1::Event>) -> Result<(), ()> {
        let request = v1::ReportRequest { trial_id: key.trial_id.clone(), attempt: key.attempt, events };
        let send = |mut client: Client, request| async move { client.report(request).await };
        match self.calls.call(request, PATIENCE, send).await {
            Ok(answer) => {
                self.must_have(key, answer.acknowledged_seq);
                self.machine.held(key, |held| held.acknowledged = answer.acknowledged_seq);
                let verdict = answer.verdict.unwrap_or_default();
                if matches!(verdict.kind(), VerdictKind::Lost | VerdictKind::Cancel) {
                    self.machine.lost(key, &verdict.reason);
                }
                Ok(())
            }
            Err(failed) => self.failed(key, "a report", &failed),
        }
    }

    async fn store(&self, key: &v1::AttemptRef, saved: Saved) -> Result<(), ()> {
        let Saved { seq, file, content } = saved;
        let put = v1::PutFileRequest {
            attempt: Some(key.clone()),
            file: Some(file.clone()),
            offset: 0,
            data: content,
        };
        let send = |mut client: Client, request| async move { client.put_file(request).await };
        match self.calls.call(put, PATIENCE, send).await {
            Ok(answer) if answer.complete => {}
            Ok(_) => return Err(()),
            Err(failed) => return self.failed(key, "a file", &failed),
        }
        let stored = v1::StoreCheckpointRequest { attempt: Some(key.clone()), seq, files: vec![file] };
        let send = |mut client: Client, request| async move { client.store_checkpoint(request).await };
        match self.calls.call(stored, PATIENCE, send).await {
            Ok(_) => {
                self.machine.held(key, |held| held.checkpoints.pop_front_if(|first| first.seq == seq));
                Ok(())
            }
            Err(failed) => self.failed(key, "a checkpoint", &failed),
        }
    }

    /// Tells the end. Whether that is all.
    async fn finish(&self, key: &v1::AttemptRef, exit: Exit, last_seq: u64) -> bool {
        let request = v1::FinishRequest {
            trial_id: key.trial_id.clone(),
            attempt: key.attempt,
            outcome: exit.outcome.into(),
            reason: exit.reason,
            last_seq,
            ..Default::default()
        };
        let send = |mut client: Client, request| async move { client.finish(request).await };
        match self.calls.insist(request, PATIENCE, send).await {
            Ok(_) => {
                self.machine.say(format_args!("has told the end of attempt {}", key.attempt));
                self.machine.forget(key);
                true
            }
            Err(failed) => {
                let _again = self.failed(key, "an end", &failed);
                false
            }
        }
    }

    /// What a failed call means for its attempt. An error: it is to be made again.
    fn failed(&self, key: &v1::AttemptRef, what: &str, failed: &Failed) -> Result<(), ()> {
        match failed {
            Failed::Away => return Err(()),
            Failed::Refused { reason: Some(Reason::AttemptStale | Reason::TrialNotFound), words, .. } => {
                self.machine.lost(key, words);
            }
            Failed::Refused { reason: Some(Reason::SeqGap), acknowledged: Some(told), .. } => {
                self.must_have(key, *told);
                self.machine.held(key, |held| held.acknowledged = *told);
            }
            Failed::Refused { reason: Some(Reason::FileMissing | Reason::Artifacts), .. } => return Err(()),
            Failed::Refused { .. } => {
                self.refused(what, failed);
                return Err(());
            }
        }
        Ok(())
    }
}

/// What there is to send.
enum Next {
    Lost(String),
    Events(Vec<v1::Event>),
    Checkpoint(Saved),
    Finish(Exit, u64),
    Nothing,
}
