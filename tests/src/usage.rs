//! [`Usage`]: what a process has taken of the machine, as the kernel counts it.

use std::time::Duration;

use anyhow::Context as _;

use crate::Node;

/// What a process has used so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Memory that it holds now, in bytes.
    pub resident: u64,
    /// Processor time of all its threads, in steps of 10 ms.
    pub cpu: Duration,
}

/// The kernel counts in hundredths of a second on every architecture that we run on (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

impl Node {
    /// What the process has used so far.
    pub fn usage(&self) -> anyhow::Result<Usage> {
        Usage::of(self.pid()?.as_raw_nonzero().get())
    }

    /// The same together with the processes that it has started and that still run.
    pub fn usage_with_children(&self) -> anyhow::Result<Usage> {
        let pid = self.pid()?.as_raw_nonzero();
        let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
        let own = Usage::of(pid.get());
        children.split_whitespace().fold(own, |sum, child| {
            let (sum, child) = (sum?, Usage::of(child.parse()?)?);
            Ok(Usage { resident: sum.resident + child.resident, cpu: sum.cpu + child.cpu })
        })
    }
}

impl Usage {
    /// What this process has used so far.
    pub fn own() -> anyhow::Result<Self> {
        Self::of(std::process::id().try_into()?)
    }

    fn of(pid: i32) -> anyhow::Result<Self> {
        let read = |file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}"));
        Ok(Self { resident: resident(&read("status")?)?, cpu: cpu(&read("stat")?)? })
    }
}

/// Out of `/proc/PID/status` (see `man 5 proc_pid_status`).
fn resident(status: &str) -> anyhow::Result<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib: u64 = line.and_then(|line| line.split_whitespace().next()).context("no VmRSS")?.parse()?;
    Ok(kib * 1024)
}

/// Out of `/proc/PID/stat` (see `man 5 proc_pid_stat`): fields 14 and 15, counted from 1. The second is a name
/// that may hold anything, but ends with the last parenthesis.
fn cpu(stat: &str) -> anyhow::Result<Duration> {
    let (_, rest) = stat.rsplit_once(") ").context("no name in stat")?;
    let mut fields = rest.split(' ').skip(11);
    let mut ticks = || fields.next().context("no time in stat")?.parse::<u32>().context("a number");
    Ok(TICK * (ticks()? + ticks()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_words_are_understood() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194304 90 0 0 0 150 25 9 9 20 0 4 0 1234 9 9";
        assert_eq!(cpu(stat).unwrap(), Duration::from_millis(1750));
        assert_eq!(resident("Name:\tnode\nVmRSS:\t    1024 kB\n").unwrap(), 1 << 20);
        assert!(cpu("7 (a) S 1").is_err() && resident("Name:\tnode\n").is_err());
    }
}
