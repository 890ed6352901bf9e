//! Tells the app that its files changed.
//!
//! A signal goes to the root process of the named container. In a shared process namespace no process can tell which container
//! another is of, so the container carries its name in its environment ([`sandbind_wire::name::ENV_CONTAINER`]). Where no
//! process carries one, the signal goes to every container's root process of the sidecar's own uid: those whose parent is
//! outside the namespace (seen as 0) or its first process, without that first process and without the sidecar's own program.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    os::unix::fs::MetadataExt as _,
    path::Path,
    thread,
    time::Duration,
};

use rustix::process::{Pid, Signal};
use sandbind_wire::{message::Notify, name::ENV_CONTAINER, signal};

/// Tries of one notification.
const TRIES: u32 = 3;
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(500);
/// No more of an answer is read.
const ANSWER_LIMIT: u64 = 64 << 10;
/// For connecting, and for the answer.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Tells the app, up to three times. The error says why the last one failed.
pub fn tell(notify: &Notify) -> Result<(), String> {
    let mut last = String::new();
    for attempt in 0..TRIES {
        if attempt > 0 {
            thread::sleep(PAUSE);
        }
        match once(notify) {
            Ok(()) => return Ok(()),
            Err(reason) => last = reason,
        }
    }
    Err(last)
}

fn once(notify: &Notify) -> Result<(), String> {
    match notify {
        Notify::Http { port, path } => post(*port, path),
        Notify::Signal { container, name } => send(container, name),
    }
}

fn post(port: u16, path: &str) -> Result<(), String> {
    let failed = |e: std::io::Error| format!("POST {path} on port {port}: {e}");
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT).map_err(failed)?;
    stream.set_read_timeout(Some(TIMEOUT)).map_err(failed)?;
    stream.set_write_timeout(Some(TIMEOUT)).map_err(failed)?;
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).map_err(failed)?;
    // `HTTP/1.1 204`
    let mut head = [0u8; 12];
    stream.read_exact(&mut head).map_err(failed)?;
    // An app whose answer is not read to its end sees a broken connection.
    let _enough = std::io::copy(&mut stream.take(ANSWER_LIMIT), &mut std::io::sink());
    match head {
        [b'H', b'T', b'T', b'P', b'/', _, _, _, _, b'2', _, _] => Ok(()),
        [.., a, b, c] => {
            Err(format!("POST {path} on port {port} was answered {}", String::from_utf8_lossy(&[a, b, c])))
        }
    }
}

fn send(container: &str, name: &str) -> Result<(), String> {
    let signal =
        signal::number(name).and_then(Signal::from_named_raw).ok_or_else(|| format!("no signal {name}"))?;
    let own = rustix::process::getpid();
    let uid = rustix::process::getuid().as_raw();
    let roots = roots(Path::new("/proc"), own.as_raw_pid(), uid);
    let targets = choose(&roots, container);
    if targets.is_empty() {
        return Err(format!("no process of container {container} with the sidecar's user id is seen"));
    }
    for pid in targets.into_iter().filter_map(Pid::from_raw) {
        rustix::process::kill_process(pid, signal).map_err(|e| format!("{name} to process {pid:?}: {e}"))?;
    }
    Ok(())
}

/// A container's root process.
#[derive(Debug, PartialEq, Eq)]
struct Root {
    pid: i32,
    container: Option<String>,
    /// Clock ticks from boot to its start.
    started: u64,
}

/// Of the named container the oldest one (others came by `exec`); all, where none carries a name.
fn choose(roots: &[Root], container: &str) -> Vec<i32> {
    if roots.iter().all(|root| root.container.is_none()) {
        return roots.iter().map(|root| root.pid).collect();
    }
    let named = roots.iter().filter(|root| root.container.as_deref() == Some(container));
    named.min_by_key(|root| root.started).map(|root| root.pid).into_iter().collect()
}

fn roots(proc: &Path, own: i32, uid: u32) -> Vec<Root> {
    let own_program = fs::read_link(proc.join(own.to_string()).join("exe")).ok();
    let entries = fs::read_dir(proc).into_iter().flatten().flatten();
    let root = |entry: fs::DirEntry| {
        let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
        let dir = entry.path();
        let program = fs::read_link(dir.join("exe")).ok();
        if pid == own
            || pid == 1
            || fs::metadata(&dir).ok()?.uid() != uid
            || (program.is_some() && program == own_program)
        {
            return None;
        }
        let stat = fs::read_to_string(dir.join("stat")).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split_ascii_whitespace().collect();
        // state ppid … ; the start time is field 22 of the line, so the 20th here.
        let (parent, started) = (fields.get(1)?, fields.get(19)?.parse().ok()?);
        if !["0", "1"].contains(parent) || fields.first() == Some(&"Z") {
            return None;
        }
        let environment = fs::read(dir.join("environ")).unwrap_or_default();
        let container = environment.split(|b| *b == 0).find_map(|variable| {
            let value = variable.strip_prefix(ENV_CONTAINER.as_bytes())?.strip_prefix(b"=")?;
            Some(String::from_utf8_lossy(value).into_owned())
        });
        Some(Root { pid, container, started })
    };
    entries.filter_map(root).collect()
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn answer_with(status: &'static str, times: usize) -> (u16, thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || {
            let serve = |_| {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = [0u8; 1024];
                let n = stream.read(&mut request).unwrap();
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).unwrap();
                String::from_utf8_lossy(&request[..n]).into_owned()
            };
            (0..times).map(serve).collect()
        });
        (port, server)
    }

    #[test]
    fn an_app_that_answers_is_told_once() {
        let (port, server) = answer_with("204 No Content", 1);
        tell(&Notify::Http { port, path: "/-/reload".to_owned() }).unwrap();
        assert!(server.join().unwrap()[0].starts_with("POST /-/reload HTTP/1.1\r\n"));
    }

    #[test]
    fn an_app_that_refuses_is_told_three_times_and_the_reason_is_kept() {
        let (port, server) = answer_with("503 No", 3);
        let reason = tell(&Notify::Http { port, path: "/r".to_owned() }).unwrap_err();
        assert!(reason.ends_with("was answered 503"), "{reason}");
        assert_eq!(server.join().unwrap().len(), 3);
    }

    #[test]
    fn the_root_process_of_the_named_container_is_signalled_and_no_shell_beside_it() {
        let root = |pid, container: Option<&str>, started| Root {
            pid,
            container: container.map(str::to_owned),
            started,
        };
        let roots = [
            root(9, Some("app"), 100),
            root(7, Some("app"), 900),
            root(8, Some("web"), 50),
            root(6, None, 1),
        ];
        assert_eq!(choose(&roots, "app"), [9]);
        assert_eq!(choose(&roots, "other"), [0; 0]);
        assert_eq!(choose(&[root(6, None, 1), root(5, None, 2)], "app"), [6, 5]);
    }

    #[test]
    fn root_processes_are_read_from_the_process_table() {
        let dir = tempfile::tempdir().unwrap();
        let uid = fs::metadata(dir.path()).unwrap().uid();
        let process = |pid: i32, parent: i32, env: &str| {
            let at = dir.path().join(pid.to_string());
            fs::create_dir(&at).unwrap();
            let rest = "1 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0";
            fs::write(at.join("stat"), format!("{pid} (a) b) S {parent} {rest} 77 0")).unwrap();
            fs::write(at.join("environ"), env).unwrap();
        };
        process(1, 0, "");
        process(20, 0, "A=b\0SANDBIND_CONTAINER=app\0");
        process(21, 20, "SANDBIND_CONTAINER=app\0");
        process(30, 0, "");
        let mut found = roots(dir.path(), 30, uid);
        found.sort_by_key(|root| root.pid);
        assert_eq!(found, [Root { pid: 20, container: Some("app".to_owned()), started: 77 }]);
    }
}
