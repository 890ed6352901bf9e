//! A plugin runner as a process.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command},
    time::{Duration, Instant},
};

use crate::bed::Bed;

const LONG: Duration = Duration::from_secs(90);

pub(crate) struct Runner {
    child: Child,
    health: u16,
    log: PathBuf,
}

fn a_free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// With the rights of the installation in this cluster; it ends with the value.
pub(crate) fn start(bed: &Bed, cluster: &str) -> Runner {
    let (port, health) = (a_free_port(), a_free_port());
    let log = bed.folder.path().join(format!("{cluster}.log"));
    let child = Command::new(env!("CARGO_BIN_EXE_sandbind-plugin-runner"))
        .args(["--image=localhost/none", "--log-format=human", &format!("--identity={cluster}")])
        .arg(format!("--kubeconfig={}", bed.runner_kubeconfig(cluster).display()))
        .args([format!("--listen=127.0.0.1:{port}"), format!("--health-listen=127.0.0.1:{health}")])
        .arg(format!("--url=https://127.0.0.1:{port}"))
        .env("NO_COLOR", "1")
        .stdout(fs::File::create(&log).unwrap())
        .stderr(fs::File::options().append(true).open(&log).unwrap())
        .spawn()
        .unwrap();
    Runner { child, health, log }
}

impl Runner {
    /// Waits until the metrics have this line.
    pub(crate) fn tells(&self, line: &str) {
        let begin = Instant::now();
        loop {
            let metrics = self.metrics().unwrap_or_else(|error| error.to_string());
            if metrics.lines().any(|told| told == line) {
                return;
            }
            assert!(begin.elapsed() < LONG, "never: {line}\n{metrics}\n{}", self.logged());
            std::thread::sleep(Duration::from_millis(300));
        }
    }

    fn metrics(&self) -> std::io::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.health))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: runner\r\nConnection: close\r\n\r\n")?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    }

    fn logged(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// No API server said that an account of this kind lacks a right.
    pub(crate) fn was_refused_nothing(&self, account: &str) {
        let logged = self.logged();
        let forbidden = |line: &&str| line.contains("is forbidden") && line.contains(account);
        let refused: Vec<&str> = logged.lines().filter(forbidden).collect();
        assert!(refused.is_empty(), "{refused:#?}");
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
        if std::thread::panicking() {
            eprintln!("{}:\n{}", self.log.display(), self.logged());
        }
    }
}
