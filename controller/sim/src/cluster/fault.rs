//! What goes wrong in a simulated cluster.

use std::time::Duration;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use super::LEASE;
use crate::kinds::kinds;

/// A fault, with the machine it befalls, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) kind: Kind,
    /// Which machine, counted round; or which of the ways the kind has.
    pub(super) at: usize,
    pub(super) time: Duration,
}

kinds! {
    ControllerKilled = 3, "controller killed, down for a while";
    ControllerDies = 8, "controller dies at a commit: before it, or after it and before the answer";
    ControllerRestarted = 1, "controller ended in order and started again";
    ControllerFrozen = 2, "controller frozen";
    DiskFull = 2, "controller's disk takes nothing";
    ClockJumps = 4, "controller's wall clock jumps by minutes to a day, either way";
    SweepPaused = 1, "sweep paused by a person, and resumed";
    AgentKilled = 3, "agent killed, its program runs on";
    PowerCut = 2, "machine without power, its disk survives";
    MachineLost = 2, "machine lost with its disk, another takes its place";
    MachineFrozen = 2, "machine frozen";
    Cut = 3, "network cut";
    Flapping = 2, "network up and down every two seconds";
    RequestsLost = 3, "what the agent sends is lost, what it is sent is not";
    AnswersLost = 3, "what the controller answers is lost, what it is sent is not";
    Slow = 2, "network slow, up to seconds each way";
    Forgotten = 3, "connections forgotten by the network, neither side told";
}

impl Kind {
    /// Whether it befalls the controller.
    pub(super) fn is_the_controllers(self) -> bool {
        matches!(
            self,
            Self::ControllerKilled
                | Self::ControllerDies
                | Self::ControllerRestarted
                | Self::ControllerFrozen
                | Self::DiskFull
        )
    }
}

/// The next fault.
pub(super) fn next(rng: &mut ChaCha8Rng) -> Fault {
    let kind = Kind::draw(rng, |_| true);
    // Most are over before a lease is; a third is not.
    let leases = if rng.random_bool(0.33) { rng.random_range(1.0..4.0) } else { rng.random_range(0.02..1.0) };
    Fault { kind, at: rng.random_range(0..1 << 16), time: LEASE.mul_f64(leases) }
}

/// How far a clock jumps, in milliseconds.
pub(super) fn jump(at: usize) -> i64 {
    const MINUTES: [i64; 6] = [1, 7, 61, 150, 700, 1_440];
    let minutes = MINUTES[at / 2 % MINUTES.len()];
    60_000 * if at.is_multiple_of(2) { minutes } else { -minutes }
}
