//! Slots: how many trials run at a time, and what each may use of the machine.

use std::process::Command;
use std::thread::available_parallelism;

/// Room for one trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slot {
    /// From 0.
    pub(crate) index: usize,
    /// What `CUDA_VISIBLE_DEVICES` becomes; `None`: a CPU slot.
    pub(crate) gpu: Option<String>,
    /// Cores of its own, for `OMP_NUM_THREADS`.
    pub(crate) threads: usize,
}

impl Slot {
    /// As people read it: `cuda:0`; empty for a CPU slot.
    pub(crate) fn devices(&self) -> Vec<String> {
        self.gpu.iter().map(|gpu| format!("cuda:{gpu}")).collect()
    }
}

/// The machine's slots: `asked` of them on the CPU, or one per GPU, or one.
pub(crate) fn slots(asked: Option<u16>) -> Vec<Slot> {
    let cores = available_parallelism().map_or(1, std::num::NonZero::get);
    match asked {
        Some(count) => divide(usize::from(count), cores, &[]),
        None => {
            let gpus = gpus(std::env::var("CUDA_VISIBLE_DEVICES").ok().as_deref(), nvidia_smi);
            divide(gpus.len().max(1), cores, &gpus)
        }
    }
}

/// Shares the cores out; the first slots take what does not divide.
fn divide(count: usize, cores: usize, gpus: &[String]) -> Vec<Slot> {
    let share = |index: usize| (cores / count + usize::from(index < cores % count)).max(1);
    (0..count).map(|index| Slot { index, gpu: gpus.get(index).cloned(), threads: share(index) }).collect()
}

/// The GPUs this agent may use: those it was left by `CUDA_VISIBLE_DEVICES` if that is set (even to nothing).
fn gpus(visible: Option<&str>, all: impl FnOnce() -> Vec<String>) -> Vec<String> {
    match visible {
        // CUDA itself ends the list at the first invalid entry; -1 is the customary one.
        Some(list) => list
            .split(',')
            .map(str::trim)
            .take_while(|gpu| !gpu.is_empty() && *gpu != "-1")
            .map(str::to_owned)
            .collect(),
        None => all(),
    }
}

/// Asks the driver's tool; a machine without it has no GPU that a trial could use.
fn nvidia_smi() -> Vec<String> {
    let listed = Command::new("nvidia-smi").args(["--query-gpu=index", "--format=csv,noheader"]).output();
    match listed {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).lines().map(|line| line.trim().to_owned()).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_divided_among_slots() {
        let threads = |count, cores| -> Vec<_> {
            divide(count, cores, &[]).into_iter().map(|slot| slot.threads).collect()
        };
        assert_eq!(threads(1, 8), [8]);
        assert_eq!(threads(3, 8), [3, 3, 2]);
        assert_eq!(threads(4, 2), [1, 1, 1, 1]);
    }

    #[test]
    fn gpus_are_those_left_to_the_agent() {
        let all = || vec!["0".to_owned(), "1".to_owned()];
        assert_eq!(gpus(None, all), ["0", "1"]);
        assert_eq!(gpus(Some("3, 1"), all), ["3", "1"]);
        assert_eq!(gpus(Some(""), all), [""; 0]);
        assert_eq!(gpus(Some("2,-1,0"), all), ["2"]);
        let slots = divide(2, 8, &all());
        assert_eq!(slots[1].devices(), ["cuda:1"]);
    }
}
