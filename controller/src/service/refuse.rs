//! Errors to statuses: one mapping, two audiences. The client is told what it can act on; causes go to the log.

use std::collections::HashMap;

use sweep_proto::status::Reason;
use sweep_store::StoreError;
use tonic::Status;
use tracing::error;

use crate::app::CreateError;
use crate::artifacts::ArtifactError;
use crate::board::BoardError;
use crate::files::FileError;
use crate::predict::{Code, Refusal};

/// A store's error as the client sees it.
pub(super) fn store(error: StoreError) -> Status {
    let message = error.to_string();
    match error {
        StoreError::SweepNotFound { .. } => Reason::SweepNotFound.status(message),
        StoreError::SweepAmbiguous { .. } => Reason::SweepAmbiguous.status(message),
        StoreError::SweepRefuses { .. } | StoreError::NotExtended { .. } => {
            Reason::SweepRefuses.status(message)
        }
        StoreError::TrialRefuses { .. } => Reason::TrialRefuses.status(message),
        StoreError::TrialNotFound { .. } => Reason::TrialNotFound.status(message),
        StoreError::AttemptStale { .. } => Reason::AttemptStale.status(message),
        StoreError::AgentUnknown { .. } => Reason::AgentUnknown.status(message),
        StoreError::SeqGap { acknowledged } => Reason::SeqGap
            .status_with(message, HashMap::from([("acknowledged_seq".to_owned(), acknowledged.to_string())])),
        StoreError::CheckpointUnknown { .. } => Reason::CheckpointUnknown.status(message),
        StoreError::FileGone { .. } => Reason::FileMissing.status(message),
        StoreError::ModelNotFound { .. } => prediction(&error.into()),
        StoreError::ModelTaken { .. } => Reason::ModelTaken.status(message),
        StoreError::ProjectNotFound { .. } => Reason::ProjectNotFound.status(message),
        StoreError::ModelName(_) | StoreError::NotALayout(_) | StoreError::NotNoted(_) => {
            Reason::InvalidArgument.status(message)
        }
        StoreError::NotPromoted { .. } => Reason::NothingToPromote.status(message),
        StoreError::Closed => Reason::ShuttingDown.status(message),
        StoreError::DiskFull { .. } => {
            error!("{message}; free some room: agents keep what they have, and go on by themselves");
            Reason::Storage.status("the controller's disk is full; nothing that it acknowledged is lost, and it goes on once there is room")
        }
        StoreError::Open { .. } | StoreError::Database { .. } | StoreError::Corrupt { .. } => {
            error!(error = ?error, "the store failed");
            Reason::Storage.status("the controller's storage failed; its log says why")
        }
    }
}

pub(super) fn create(error: CreateError) -> Status {
    match error {
        CreateError::Invalid(_) | CreateError::WarmStart(_) => Reason::InvalidSweep.status(error.to_string()),
        CreateError::Store(error) => store(error),
    }
}

/// The artifact store's error as the client sees it.
#[expect(clippy::needless_pass_by_value, reason = "it is what `map_err` hands over")]
pub(super) fn artifacts(error: ArtifactError) -> Status {
    match error {
        ArtifactError::Mismatch { .. } => Reason::FileMismatch.status(error.to_string()),
        ArtifactError::Missing { .. } => Reason::FileMissing.status(error.to_string()),
        ArtifactError::Open { .. } | ArtifactError::Io { .. } | ArtifactError::Store(_) => {
            error!(error = ?error, "the artifact store failed");
            Reason::Artifacts.status("the controller's artifact store failed; its log says why")
        }
    }
}

/// A file that was not stored.
pub(super) fn file(error: FileError) -> Status {
    match error {
        FileError::NoArtifacts => Reason::NoArtifacts.status(error.to_string()),
        FileError::Artifacts(error) => artifacts(error),
        FileError::Store(error) => store(error),
    }
}

/// A prediction that was not made: what failed, and what to do.
pub(super) fn prediction(refusal: &Refusal) -> Status {
    let reason = match refusal.code {
        Code::Unreadable => Reason::PictureUnreadable,
        Code::TooLarge => Reason::PictureTooLarge,
        Code::NoModel => Reason::ModelNotFound,
        Code::NoPredictor => Reason::NoPredictor,
        Code::Busy => Reason::PredictorBusy,
        Code::Internal => Reason::PredictorFailed,
    };
    reason.status_with(refusal.message.clone(), HashMap::from([("fix".to_owned(), refusal.fix.clone())]))
}

/// Why a page gets no answer.
pub(super) fn board(error: BoardError) -> Status {
    let message = error.to_string();
    match error {
        BoardError::NoMetric(_) | BoardError::Asked(_) => Reason::InvalidArgument.status(message),
        BoardError::AgentNotFound(_) => Reason::AgentNotFound.status(message),
        BoardError::AgentAmbiguous { .. } => Reason::AgentAmbiguous.status(message),
        BoardError::Broken(_) => {
            error!("{message}");
            Status::internal("the controller could not put this together; its log says why")
        }
        BoardError::Store(error) => store(error),
    }
}

/// A field that cannot be read.
pub(super) fn field(name: &str, what: &str) -> Status {
    Reason::InvalidArgument.status(format!("{name}: {what}"))
}
