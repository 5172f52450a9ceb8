//! What goes wrong, and how it is made.

use std::time::Duration;

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;

use super::processes::LEASE;
use crate::kinds::kinds;

/// A fault, with the box or controller it befalls, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) kind: Kind,
    /// Which box, or which controller; counted round.
    pub(crate) at: usize,
    pub(crate) time: Duration,
}

kinds! {
    ControllerKilled = 3, "controller killed (SIGKILL), down for a while";
    ControllerFrozen = 2, "controller frozen for three leases (SIGSTOP)";
    DiskFull = 2, "controller's disk filled to the last byte";
    AgentKilled = 3, "agent killed, its keepers and programs run on";
    KeeperKilled = 2, "keeper killed";
    ProgramKilled = 1, "program killed";
    BoxLost = 3, "box lost with its disk, another takes its place";
    BoxFrozen = 2, "agent, keeper and program frozen for three leases";
    Cut = 3, "network cut";
    Flapping = 2, "network up and down every 300 ms";
    RequestsLost = 2, "what the agent sends is held back";
    AnswersLost = 2, "what the controller answers is held back";
    Slow = 2, "network slow, 50 to 500 ms each way";
    FileCorrupted = 1, "a byte of a stored checkpoint flipped";
    DatabaseRestarted = 2, "PostgreSQL restarted at once, as by a crash";
}

/// The next fault, of a kind that may come.
pub(crate) fn next(rng: &mut ChaCha8Rng, may: impl Fn(Kind) -> bool) -> Fault {
    let kind = Kind::draw(rng, may);
    let seconds = match kind {
        Kind::ControllerFrozen | Kind::BoxFrozen => 3.0 * LEASE as f64,
        // Half of these are longer than a lease.
        _ => rng.random_range(0.2..2.0 * LEASE as f64),
    };
    Fault { kind, at: rng.random_range(0..64), time: Duration::from_secs_f64(seconds) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn a_seed_is_a_course_of_faults_and_every_kind_comes() {
        let course = |seed| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            (0..300).map(|_| next(&mut rng, |_| true)).collect::<Vec<_>>()
        };
        assert_eq!(course(1), course(1));
        assert_ne!(course(1), course(2));
        let kinds: BTreeSet<Kind> = course(1).iter().map(|fault| fault.kind).collect();
        assert_eq!(kinds.len(), Kind::ALL.len());
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let may = |kind| kind != Kind::DatabaseRestarted;
        assert!((0..300).all(|_| may(next(&mut rng, may).kind)));
        assert!((0..30).all(|_| next(&mut rng, |kind| kind == Kind::Cut).kind == Kind::Cut));
    }
}
