//! A program under measurement: its memory, its writes, its end. Dropped, it is killed.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::{Failed, Result};

/// How often a running program's memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// How long a program may take to stop when told.
const STOP_TIME: Duration = Duration::from_secs(10);

pub struct Measured(Child);

/// What a program used from its start to its end.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    pub wall: Duration,
    pub peak_kib: u64,
    pub written: Option<u64>,
    pub succeeded: bool,
}

impl Measured {
    pub fn start(command: &mut Command) -> Result<Measured> {
        // What systemd set for us is not for what we measure.
        for variable in ["NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"] {
            if !command.get_envs().any(|(name, _)| name == variable) {
                command.env_remove(variable);
            }
        }
        Ok(Measured(command.spawn()?))
    }

    /// With what it says kept in `log`.
    pub fn logged(command: &mut Command, log: &Path) -> Result<Measured> {
        let file = fs::File::options().create(true).append(true).open(log)?;
        Measured::start(
            command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(file),
        )
    }

    pub fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    pub fn has_ended(&mut self) -> Result<bool> {
        Ok(self.0.try_wait()?.is_some())
    }

    /// A line of `/proc/PID/status` in KiB.
    pub fn memory(&self, key: &str) -> Result<u64> {
        memory(self.0.id(), key).ok_or_else(|| Failed::from(format!("{key} can't be read")))
    }

    /// Lets the peak begin anew.
    pub fn forget_peak(&self) -> Result<()> {
        Ok(fs::write(format!("/proc/{}/clear_refs", self.0.id()), "5")?)
    }

    /// Waits for the end, looking at memory and writes all the while: the kernel forgets a process's memory
    /// before it can be asked for it, and `ru_maxrss` counts what the parent had at the fork.
    pub fn watch(mut self, started: Instant) -> Result<Usage> {
        let mut usage = Usage::default();
        while !is_over(self.0.id()) {
            let peak = memory(self.0.id(), "VmHWM").unwrap_or(0);
            usage.peak_kib = usage.peak_kib.max(peak);
            std::thread::sleep(LOOK_EVERY);
        }
        usage.wall = started.elapsed();
        // A process that ended and was not waited for still tells what it wrote.
        usage.written = written(self.0.id());
        usage.succeeded = self.0.wait()?.success();
        Ok(usage)
    }

    /// Tells it to stop and waits; kills it if it does not.
    pub fn stop(mut self) -> Result<()> {
        let told = Command::new("kill").arg(self.0.id().to_string()).status()?;
        let until = Instant::now() + STOP_TIME;
        while told.success() && Instant::now() < until {
            if self.has_ended()? {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Err("it did not stop when told".into())
    }
}

impl Drop for Measured {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn memory(pid: u32, key: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|l| l.strip_prefix(key)?.strip_prefix(':'))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// A zombie, or gone.
fn is_over(pid: u32) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return true;
    };
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    after_name.trim_start().starts_with('Z')
}

/// The same of this process; 0 where the kernel does not tell.
pub fn written_by_us() -> u64 {
    written(std::process::id()).unwrap_or(0)
}

/// Bytes sent to the disk, as far as the kernel counts and tells them.
fn written(pid: u32) -> Option<u64> {
    let io = fs::read_to_string(format!("/proc/{pid}/io")).ok()?;
    io.lines()
        .find_map(|l| l.strip_prefix("write_bytes: "))?
        .parse()
        .ok()
}
