//! The app: a shell that tells what it sees, and the listener that hears of refreshes.

use std::{collections::BTreeMap, process::Stdio};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    process::Command,
    sync::watch,
    task::JoinHandle,
};

use super::{failed, pod::Kubelet};
use crate::exit::Outcome;

/// Where the app is told.
pub(super) const RELOAD: &str = "/-/reload";
/// What the app does: it shows its env vars and its file.
const SCRIPT: &str =
    r#"printf 'FILES_PATH=%s\nFILES_TOKEN=%s\n' "$FILES_PATH" "$FILES_TOKEN"; cat "$1/folder.token""#;

/// The app.
pub(super) struct App {
    /// Its port on loopback.
    pub(super) port: u16,
    told: watch::Receiver<u32>,
    listening: JoinHandle<()>,
}

/// What it sees.
pub(super) struct Seen {
    /// Its env vars.
    pub(super) env: BTreeMap<String, String>,
    /// The content of its file.
    pub(super) file: String,
}

impl App {
    /// Listens on a port that the system chooses.
    pub(super) async fn start() -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let (tell, told) = watch::channel(0);
        let listening = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = vec![0; 4096];
                let length = stream.read(&mut request).await.unwrap_or_default();
                request.truncate(length);
                if request.starts_with(format!("POST {RELOAD} ").as_bytes()) {
                    tell.send_modify(|count| *count += 1);
                }
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
                let _gone = stream.write_all(answer).await;
            }
        });
        Ok(Self { port, told, listening })
    }

    /// Resolves when it has been told of new files.
    pub(super) async fn told(&self) {
        let mut told = self.told.clone();
        let _listening = told.wait_for(|count| *count > 0).await;
    }

    /// Runs the app's program with the pod's env vars and files.
    pub(super) async fn see(&self, pod: &Kubelet) -> Outcome<Seen> {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "app"]).arg(&pod.mounted).env_clear().envs(&pod.env);
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        let output = command.stdin(Stdio::null()).output().await?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut lines = text.splitn(3, '\n');
        let mut pair = || {
            let (name, value) = lines.next()?.split_once('=')?;
            Some((name.to_owned(), value.to_owned()))
        };
        let env = [pair(), pair()].into_iter().flatten().collect();
        match lines.next() {
            Some(file) if output.status.success() => Ok(Seen { env, file: file.to_owned() }),
            _ => Err(failed("app", "it does not find its env vars and its file")),
        }
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.listening.abort();
    }
}
