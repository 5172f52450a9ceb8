//! Whether the kernel killed the program for want of memory: it leaves no trace with the program but SIGKILL, only a
//! count.

use std::fs;
use std::path::Path;

use crate::trial::exit_record::End;

/// How many processes the kernel has killed so; `None`: the system does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Kills {
    /// Of this process's own memory cgroup, in which the program runs as well.
    group: Option<u64>,
    /// On the whole machine.
    machine: Option<u64>,
}

impl Kills {
    pub(crate) fn count() -> Self {
        Self::read(Path::new("/"))
    }

    fn read(root: &Path) -> Self {
        let text = |path: &str| fs::read_to_string(root.join(path.trim_start_matches('/'))).ok();
        let counted = |path: &str| {
            let text = text(path)?;
            text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse::<u64>().ok())
        };
        let groups = text("/proc/self/cgroup").unwrap_or_default();
        // `0::PATH` is the second version's one tree, `N:memory:PATH` the first version's; the name may be one of a list.
        let group = groups.lines().find_map(|line| {
            let (_, rest) = line.split_once(':')?;
            let (controllers, path) = rest.split_once(':')?;
            match controllers {
                "" => counted(&format!("/sys/fs/cgroup{path}/memory.events")),
                of if of.split(',').any(|name| name == "memory") => {
                    counted(&format!("/sys/fs/cgroup/memory{path}/memory.oom_control"))
                }
                _ => None,
            }
        });
        Self { group, machine: counted("/proc/vmstat") }
    }

    /// Why the kernel is held to have killed a program that ended so, which nobody of us killed; `self` was counted when it
    /// started, `now` after its end.
    pub(crate) fn blame(self, now: Self, end: &End) -> Option<String> {
        // 137 is how a shell passes on that its program was killed by SIGKILL.
        if !matches!(end, End::Signal(9) | End::ExitCode(137)) {
            return None;
        }
        let more = |before: Option<u64>, now: Option<u64>| Some(now? > before?);
        match more(self.group, now.group) {
            Some(true) => Some("killed by the kernel for want of memory (its cgroup's oom_kill count went up)".to_owned()),
            Some(false) => None,
            None => more(self.machine, now.machine)?.then(|| {
                "killed, and by all appearance by the kernel for want of memory (the machine's oom_kill count went up)"
                    .to_owned()
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kills(group: Option<u64>, machine: Option<u64>) -> Kills {
        Kills { group, machine }
    }

    #[test]
    fn only_a_kill_that_the_kernel_counted_is_its_own() {
        let cases = [
            (End::Signal(9), kills(Some(1), Some(5)), kills(Some(2), Some(6)), Some("its cgroup's")),
            // Another cgroup's process was killed, and this one by a person.
            (End::Signal(9), kills(Some(1), Some(5)), kills(Some(1), Some(6)), None),
            (End::Signal(9), kills(None, Some(5)), kills(None, Some(6)), Some("by all appearance")),
            (End::Signal(9), kills(None, Some(5)), kills(None, Some(5)), None),
            (End::Signal(9), kills(None, None), kills(None, None), None),
            (End::ExitCode(137), kills(Some(0), None), kills(Some(1), None), Some("want of memory")),
            (End::ExitCode(1), kills(Some(0), None), kills(Some(1), None), None),
            (End::Signal(11), kills(Some(0), None), kills(Some(1), None), None),
        ];
        for (end, before, now, expected) in cases {
            let blamed = before.blame(now, &end);
            match expected {
                Some(words) => assert!(blamed.unwrap().contains(words), "{end:?}"),
                None => assert_eq!(blamed, None, "{end:?} {before:?} {now:?}"),
            }
        }
    }

    #[test]
    fn both_versions_of_cgroups_are_read() {
        let file = |root: &Path, path: &str, text: &str| {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let second = tempfile::tempdir().unwrap();
        file(second.path(), "proc/self/cgroup", "0::/system.slice/agent\n");
        file(
            second.path(),
            "sys/fs/cgroup/system.slice/agent/memory.events",
            "low 0\noom 3\noom_kill 2\noom_group_kill 1\n",
        );
        file(second.path(), "proc/vmstat", "pgfault 1\noom_kill 7\n");
        assert_eq!(Kills::read(second.path()), kills(Some(2), Some(7)));
        let first = tempfile::tempdir().unwrap();
        file(first.path(), "proc/self/cgroup", "5:cpu,cpuacct:/a\n4:memory:/a/b\n0::/\n");
        file(
            first.path(),
            "sys/fs/cgroup/memory/a/b/memory.oom_control",
            "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n",
        );
        assert_eq!(Kills::read(first.path()), kills(Some(4), None));
    }
}
