//! Circuit breakers: when a machine or a sweep fails so steadily that more of the same would only waste trials.

use std::time::Duration;

use crate::fault::End;
use crate::sweep::Counts;
use crate::trial::Outcome;

/// How many trials must fail, with none going well, before a sweep is paused: W&B's agent gives up at five as well.
pub const FAILURES_BEFORE_PAUSE: u64 = 5;

/// Why a sweep should pause by itself: nothing but failures so far, deaths by signals among them.
pub fn sweep_breaker(counts: &Counts, last_reason: &str) -> Option<String> {
    let good = counts.finished + counts.stopped_early;
    (good == 0 && counts.failed >= FAILURES_BEFORE_PAUSE).then(|| {
        format!("paused: all {} trials so far failed, the last one with: {last_reason}", counts.failed)
    })
}

/// What is remembered of an agent since it registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Record {
    /// Whether any of its attempts went well.
    pub proven: bool,
    /// Programs' failures before the first that went well.
    pub first_failures: u32,
    /// Faults of the machine in a row.
    pub machine_faults: u32,
    /// How often it was benched in a row.
    pub benched: u32,
}

/// Failures of programs on an agent that never ran one well: W&B's agent ends itself after as many.
pub const FIRST_FAILURES: u32 = 5;
/// Faults of a machine in a row.
pub const MACHINE_FAULTS: u32 = 3;
/// How long an agent is benched at first; doubled each time it fails again at once.
pub const FIRST_BENCH: Duration = Duration::from_secs(60);
/// The longest time on the bench.
pub const LONGEST_BENCH: Duration = Duration::from_secs(1_920);

/// An agent gets no trials for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bench {
    pub length: Duration,
    /// For people.
    pub reason: String,
}

impl Record {
    /// What is remembered after an attempt's end, and whether its agent is benched.
    ///
    /// While it is `benched` the ends of what it still runs count for nothing, as they come from before, or from the same
    /// fault; only a success does. After the bench one more fault benches it again, for twice as long, and one success
    /// clears it.
    pub fn after(self, end: End, detail: &str, benched: bool) -> (Self, Option<Bench>) {
        let mut next = self;
        let (count, limit, what) = match end {
            End::Told(Outcome::Succeeded | Outcome::Stopped) => {
                return (Self { proven: true, ..Self::default() }, None);
            }
            _ if benched => return (self, None),
            End::Told(Outcome::Cancelled | Outcome::HandedBack) => return (self, None),
            End::Told(Outcome::Failed) if self.proven => return (self, None),
            End::Told(Outcome::Failed) => {
                next.first_failures += 1;
                (next.first_failures, FIRST_FAILURES, "its first trials all failed")
            }
            End::Told(Outcome::Infrastructure) | End::AgentLost => {
                next.machine_faults += 1;
                (next.machine_faults, MACHINE_FAULTS, "the machine failed several times in a row")
            }
        };
        if count < limit {
            return (next, None);
        }
        let length = FIRST_BENCH.saturating_mul(2_u32.saturating_pow(self.benched)).min(LONGEST_BENCH);
        next.benched += 1;
        let seconds = length.as_secs();
        let reason = format!("it gets no trials for {seconds} s, since {what}, the last time with: {detail}");
        (next, Some(Bench { length, reason }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILED: End = End::Told(Outcome::Failed);
    const GOOD: End = End::Told(Outcome::Succeeded);
    const MACHINE: End = End::Told(Outcome::Infrastructure);
    const LOST: End = End::AgentLost;

    fn after(ends: &[End]) -> (Record, Option<Bench>) {
        ends.iter().fold((Record::default(), None), |(record, _), &end| record.after(end, "x", false))
    }

    #[test]
    fn one_good_trial_keeps_a_sweep_running() {
        let failing = Counts { failed: 5, ..Counts::default() };
        assert!(sweep_breaker(&failing, "exit code 1").is_some_and(|reason| reason.contains("exit code 1")));
        assert_eq!(sweep_breaker(&Counts { finished: 1, ..failing }, ""), None);
        assert_eq!(sweep_breaker(&Counts { failed: 4, ..failing }, ""), None);
    }

    #[test]
    fn an_agent_whose_first_trials_all_fail_is_benched() {
        assert_eq!(after(&[FAILED; 4]).1, None);
        let bench = after(&[FAILED; 5]).1.expect("benched");
        assert_eq!(bench.length, FIRST_BENCH);
        assert!(bench.reason.contains("first trials all failed"), "{}", bench.reason);
        // Once one went well, failures are the trials'.
        let mut outcomes = vec![FAILED, GOOD];
        outcomes.extend([FAILED; 20]);
        assert_eq!(after(&outcomes).1, None);
    }

    #[test]
    fn faults_of_a_machine_in_a_row_bench_it_for_longer_and_longer() {
        let mut outcomes = vec![GOOD];
        outcomes.extend([MACHINE, LOST, MACHINE]);
        assert_eq!(after(&outcomes).1.map(|bench| bench.length.as_secs()), Some(60));
        outcomes.push(LOST);
        assert_eq!(after(&outcomes).1.map(|bench| bench.length.as_secs()), Some(120));
        outcomes.extend([LOST; 40]);
        assert_eq!(after(&outcomes).1.map(|bench| bench.length), Some(LONGEST_BENCH));
        outcomes.extend([GOOD, LOST, LOST]);
        assert_eq!(after(&outcomes).1, None);
    }

    #[test]
    fn nothing_but_a_success_counts_while_an_agent_is_benched() {
        let (record, bench) = after(&[LOST; 3]);
        assert!(bench.is_some());
        for end in End::ALL {
            let good = matches!(end, End::Told(Outcome::Succeeded | Outcome::Stopped));
            let expected = if good { Record { proven: true, ..Record::default() } } else { record };
            assert_eq!(record.after(end, "x", true), (expected, None), "{}", end.word());
        }
        // Once it is over, the next fault is one too many.
        assert_eq!(record.after(LOST, "x", false).1.map(|bench| bench.length.as_secs()), Some(120));
    }

    #[test]
    fn what_a_person_ends_says_nothing_of_the_machine() {
        let faults = [LOST, End::Told(Outcome::Cancelled), End::Told(Outcome::HandedBack), LOST];
        assert_eq!(after(&faults), (Record { machine_faults: 2, ..Record::default() }, None));
    }
}
