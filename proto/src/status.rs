//! Errors on the wire: a gRPC status with a stable reason code in its details.
//!
//! Clients branch on the [`Reason`], never on the message, which is for people.

use std::collections::HashMap;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// The `domain` of every `ErrorInfo`.
const DOMAIN: &str = "sweep";

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $code:ident;)*) => {
        /// Why a call was refused. Closed: codes are added, never renamed.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[$doc])* $name,)*
        }

        impl Reason {
            /// Every reason.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The code on the wire.
            pub fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            fn grpc(self) -> Code {
                match self {
                    $(Self::$name => Code::$code,)*
                }
            }
        }
    };
}

reasons! {
    /// A field of the request is missing or malformed.
    InvalidArgument = "INVALID_ARGUMENT", InvalidArgument;
    /// The sweep file has errors; the message lists them all.
    InvalidSweep = "INVALID_SWEEP", InvalidArgument;
    /// No such sweep.
    SweepNotFound = "SWEEP_NOT_FOUND", NotFound;
    /// The prefix fits several sweeps.
    SweepAmbiguous = "SWEEP_AMBIGUOUS", InvalidArgument;
    /// The sweep is in a state that does not allow it.
    SweepRefuses = "SWEEP_REFUSES", FailedPrecondition;
    /// The trial is in a state that does not allow it.
    TrialRefuses = "TRIAL_REFUSES", FailedPrecondition;
    /// No such trial.
    TrialNotFound = "TRIAL_NOT_FOUND", NotFound;
    /// The attempt ended or was given away: kill the program and forget the attempt.
    AttemptStale = "ATTEMPT_STALE", FailedPrecondition;
    /// Events are missing; `acknowledged_seq` in the metadata is the last one stored.
    SeqGap = "SEQ_GAP", OutOfRange;
    /// The event is no checkpoint.
    CheckpointUnknown = "CHECKPOINT_UNKNOWN", NotFound;
    /// What was sent does not have the hash it was announced with: send the file again from the beginning.
    FileMismatch = "FILE_MISMATCH", DataLoss;
    /// The file is not in the artifact store, or is being removed from it: send it again.
    FileMissing = "FILE_MISSING", FailedPrecondition;
    /// The artifact store cannot take or give it now; the controller itself is well.
    Artifacts = "ARTIFACTS", Unavailable;
    /// The controller has no artifact store.
    NoArtifacts = "NO_ARTIFACTS", Unimplemented;
    /// No such model, or none at all.
    ModelNotFound = "MODEL_NOT_FOUND", NotFound;
    /// Another model has the name.
    ModelTaken = "MODEL_TAKEN", FailedPrecondition;
    /// The trial has no stored checkpoint that is a model.
    NothingToPromote = "NOTHING_TO_PROMOTE", FailedPrecondition;
    /// No predictor is registered, or none of them answers.
    NoPredictor = "NO_PREDICTOR", Unavailable;
    /// Every predictor has as many pictures as it takes; try again.
    PredictorBusy = "PREDICTOR_BUSY", Unavailable;
    /// Not a picture that can be read.
    PictureUnreadable = "PICTURE_UNREADABLE", InvalidArgument;
    /// The picture has too many bytes or pixels.
    PictureTooLarge = "PICTURE_TOO_LARGE", InvalidArgument;
    /// A predictor failed.
    PredictorFailed = "PREDICTOR_FAILED", Internal;
    /// The agent must register first.
    AgentUnknown = "AGENT_UNKNOWN", FailedPrecondition;
    /// No sweep is of the project.
    ProjectNotFound = "PROJECT_NOT_FOUND", NotFound;
    /// No such agent.
    AgentNotFound = "AGENT_NOT_FOUND", NotFound;
    /// The name or prefix fits several agents.
    AgentAmbiguous = "AGENT_AMBIGUOUS", InvalidArgument;
    /// The controller's own fault; try again.
    Storage = "STORAGE", Unavailable;
    /// The controller is going down; try again.
    ShuttingDown = "SHUTTING_DOWN", Unavailable;
}

impl Reason {
    /// The reason of a code.
    pub fn of_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.code() == code)
    }

    /// A status with this reason.
    pub fn status(self, message: impl Into<String>) -> Status {
        self.status_with(message, HashMap::new())
    }

    /// A status with this reason and facts that a client may need.
    pub fn status_with(self, message: impl Into<String>, metadata: HashMap<String, String>) -> Status {
        let mut details = ErrorDetails::with_error_info(self.code(), DOMAIN, metadata);
        if self.grpc() == Code::Unavailable {
            details.set_retry_info(Some(Duration::from_millis(500)));
        }
        Status::with_error_details(self.grpc(), message, details)
    }
}

/// The reason in a status; `None` for statuses that are not ours (a lost connection, a proxy's answer).
pub fn reason(status: &Status) -> Option<Reason> {
    let info = status.get_details_error_info()?;
    (info.domain == DOMAIN).then(|| Reason::of_code(&info.reason)).flatten()
}

/// Whether nobody answered, or the controller cannot now: the same call may go well later.
pub fn may_pass(status: &Status) -> bool {
    match reason(status) {
        Some(why) => matches!(why, Reason::Storage | Reason::ShuttingDown),
        None => matches!(
            status.code(),
            Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::Unknown | Code::Internal
        ),
    }
}

/// A fact from a status's metadata, as `acknowledged_seq`.
pub fn metadata(status: &Status, key: &str) -> Option<String> {
    status.get_details_error_info()?.metadata.get(key).cloned()
}

/// The innermost cause of an error, which is the one that says `connection refused`.
pub fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_survive_the_wire() {
        for reason_code in Reason::ALL {
            let status = reason_code.status("x");
            assert_eq!(reason(&status), Some(*reason_code));
        }
        let gap =
            Reason::SeqGap.status_with("x", HashMap::from([("acknowledged_seq".to_owned(), "7".to_owned())]));
        assert_eq!(metadata(&gap, "acknowledged_seq").as_deref(), Some("7"));
        assert_eq!(reason(&Status::unavailable("connection refused")), None);
    }

    #[test]
    fn what_a_controller_cannot_do_now_may_pass_and_what_it_refuses_may_not() {
        for passing in [Reason::Storage, Reason::ShuttingDown] {
            assert!(may_pass(&passing.status("x")));
        }
        assert!(may_pass(&Status::unavailable("connection refused")));
        for lasting in [Reason::AttemptStale, Reason::SeqGap, Reason::Artifacts] {
            assert!(!may_pass(&lasting.status("x")));
        }
        assert!(!may_pass(&Status::permission_denied("a proxy's")));
    }
}
