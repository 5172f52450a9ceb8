//! Somebody who watches the sweep through all faults, and in the end must have seen everything.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sweep_proto::v1;
use sweep_proto::v1::sweep_service_client::SweepServiceClient;
use tokio::time::sleep;
use tonic::transport::Channel;

use super::history::{History, NOTHING_LOST};

/// What a watcher knows.
#[derive(Clone)]
pub(super) struct Watcher(Arc<Mutex<BTreeMap<u64, Seen>>>);

/// State, attempt and objective of a trial, comparable to the last bit.
type Seen = (i32, u32, Option<u64>);

pub(super) fn seen(trial: &v1::Trial) -> Seen {
    (trial.state, trial.attempt, trial.objective.map(f64::to_bits))
}

impl Watcher {
    /// Watches from now on, whatever happens to its connection.
    pub(super) fn start(mut client: SweepServiceClient<Channel>, sweep: String, history: History) -> Self {
        let watcher = Self(Arc::default());
        let eyes = watcher.clone();
        tokio::spawn(async move {
            let mut since = 0;
            loop {
                let request = v1::WatchRequest { sweep: sweep.clone(), since };
                if let Ok(stream) = client.watch(request).await {
                    let mut stream = stream.into_inner();
                    while let Ok(Some(news)) = stream.message().await {
                        if news.change < since {
                            let what = format!("a watcher at change {since} was told of {}", news.change);
                            history.violation(NOTHING_LOST, what);
                        }
                        since = news.change;
                        eyes.lock().extend(news.trials.iter().map(|trial| (trial.number, seen(trial))));
                    }
                }
                sleep(Duration::from_secs(1)).await;
            }
        });
        watcher
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Trials that it saw otherwise than they are.
    pub(super) fn mistaken(&self, trials: &[v1::Trial]) -> Vec<u64> {
        let known = self.lock();
        let wrong = trials.iter().filter(|trial| known.get(&trial.number) != Some(&seen(trial)));
        wrong.map(|trial| trial.number).collect()
    }
}
