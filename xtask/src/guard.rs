//! A long task's end: at its deadline, and with nothing of it left running.
//!
//! Servers that tests start may outlive them, and hold the output of whoever waits for the task. Each process below it is known
//! by a mark in its environment, wherever it moved to.

use std::{collections::BTreeMap, fs, sync::mpsc, thread, time::Duration};

use anyhow::{Result, bail};
use rustix::process::{Pid, Signal, getpid, kill_process};

use crate::process::note;

/// Env var that every process of a guarded task inherits.
const MARK: &str = "SANDBIND_TASK";
/// Between two looks at processes that were ended, and how many looks.
const LOOK: (Duration, u32) = (Duration::from_millis(100), 100);

/// Does the job. At the deadline, every process it started is shown and ended, so that the job fails. What it leaves running is
/// shown and ended too.
pub(crate) fn guarded(deadline: Duration, job: impl FnOnce() -> Result<()>) -> Result<()> {
    let mark = getpid().as_raw_pid().to_string();
    crate::process::mark_children(MARK, &mark);
    let (done, ended) = mpsc::channel::<()>();
    let watch = {
        let mark = mark.clone();
        thread::spawn(move || {
            let late = ended.recv_timeout(deadline) == Err(mpsc::RecvTimeoutError::Timeout);
            if late {
                note(&format!("not done after {} s; what runs:", deadline.as_secs()));
                end(&mark);
            }
            late
        })
    };
    let result = job();
    drop(done);
    let late = watch.join().unwrap_or(false);
    let left = end(&mark);
    if left > 0 {
        note(&format!("{left} processes were left running, and are ended"));
    }
    result?;
    if late {
        bail!("not done in time; what still ran is above");
    }
    Ok(())
}

/// Shows and ends every marked process; how many there were.
fn end(mark: &str) -> usize {
    let mut shown = BTreeMap::new();
    for _ in 0..LOOK.1 {
        let running = marked(mark);
        if running.is_empty() {
            break;
        }
        for (pid, line) in running {
            if shown.insert(pid, line.clone()).is_none() {
                note(&format!("still running: {pid} {line}"));
            }
            if let Some(pid) = Pid::from_raw(pid) {
                let _gone = kill_process(pid, Signal::KILL);
            }
        }
        thread::sleep(LOOK.0);
    }
    shown.len()
}

/// Processes that carry the mark and are no zombies, with their command lines.
fn marked(mark: &str) -> BTreeMap<i32, String> {
    let wanted = format!("{MARK}={mark}");
    let own = getpid().as_raw_pid();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| *pid != own)
        .filter_map(|pid| {
            // A zombie's environment is empty.
            let environ = fs::read(format!("/proc/{pid}/environ")).ok()?;
            environ.split(|byte| *byte == 0).find(|variable| *variable == wanted.as_bytes())?;
            let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
            Some((pid, String::from_utf8_lossy(&line).replace('\0', " ")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn what_carries_the_mark_is_found_and_ended() {
        let mark = format!("test-{}", getpid().as_raw_pid());
        let mut one =
            Command::new("sleep").arg("600").env(MARK, &mark).stdout(Stdio::null()).spawn().expect("sleep");
        let other = format!("{mark}-other");
        let mut unmarked = Command::new("sleep").arg("600").env(MARK, &other).spawn().expect("sleep");
        assert_eq!(end(&mark), 1);
        assert!(!one.wait().expect("its end").success());
        assert!(unmarked.try_wait().expect("a look").is_none(), "others are left alone");
        assert_eq!(end(&other), 1);
        let _ended = unmarked.wait();
        assert_eq!(end(&mark), 0);
    }
}
