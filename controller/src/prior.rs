//! What a sweep begins with: trials of earlier sweeps, as they are when it is created.

use std::collections::BTreeSet;

use sweep_core::search::{Admitted, MOST_PRIOR, Prior, admit};
use sweep_core::spec::SweepSpec;
use sweep_store::StoreError;

use crate::app::{App, CreateError};

/// The trials that the file names, and what is to be said of them.
pub(crate) async fn gather(app: &App, spec: &SweepSpec) -> Result<(Vec<Prior>, Vec<String>), CreateError> {
    let (mut taken, mut said) = (Vec::new(), Vec::new());
    let mut known = BTreeSet::new();
    for name in &spec.warm_start {
        let (sweep, admitted) = of_sweep(app, spec, name).await?;
        if admitted.left_out() > 0 {
            said.push(format!(
                "warning: warm_start: {} of {} finished trials of {sweep} are left out, for they are no points of this space{}",
                admitted.left_out(),
                admitted.left_out() + admitted.taken.len(),
                admitted.reasons()
            ));
        }
        // A trial may be named by itself and with its sweep.
        taken.extend(admitted.taken.into_iter().filter(|prior| known.insert(prior.trial.clone())));
    }
    if taken.len() > MOST_PRIOR {
        let message = format!("{} trials are more than {MOST_PRIOR}; name fewer sweeps", taken.len());
        return Err(CreateError::WarmStart(message));
    }
    if taken.is_empty() && !spec.warm_start.is_empty() {
        let mut message =
            "none of the trials it names can be begun with: none finished with a finite metric".to_owned();
        if !said.is_empty() {
            message = format!("nothing is left to begin with\n{}", said.join("\n"));
        }
        return Err(CreateError::WarmStart(message));
    }
    Ok((taken, said))
}

/// What is taken of one sweep, or of one trial of it; and its name.
async fn of_sweep(app: &App, spec: &SweepSpec, name: &str) -> Result<(String, Admitted), CreateError> {
    let (sweep, number) = match name.split_once('/') {
        // The file was checked: a number is one.
        Some((sweep, number)) => (sweep, number.parse::<u64>().ok()),
        None => (name, None),
    };
    let found = app.store.sweep_find(sweep).await.map_err(|error| match error {
        StoreError::SweepNotFound { .. } | StoreError::SweepAmbiguous { .. } => {
            CreateError::WarmStart(error.to_string())
        }
        other => CreateError::Store(other),
    })?;
    let earlier = app.spec(&found.id).await?;
    let mut trials = app.store.trials_recorded(&found.id).await?;
    if let Some(number) = number {
        trials.retain(|trial| trial.number == number);
        if trials.is_empty() {
            return Err(CreateError::WarmStart(format!("sweep {} has no trial {number}", found.id)));
        }
    }
    let admitted = admit(spec, &found.id, &earlier, &trials)
        .map_err(|unlike| CreateError::WarmStart(format!("{unlike}; name sweeps after the same")))?;
    let shown =
        number.map_or_else(|| format!("sweep {}", found.id), |number| format!("{}/{number}", found.id));
    Ok((shown, admitted))
}
