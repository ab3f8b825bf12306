//! What is measured, each as a process of its own: `switchboard up`, a plain WebSocket server, and
//! serverless-offline.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{Instant, sleep_until};

use crate::Failure;
use crate::cpu::Spent;

/// The first line of a process's standard output.
async fn first_line(output: Option<ChildStdout>) -> Result<String, Failure> {
    let output = output.ok_or("there is no standard output")?;
    let line = BufReader::new(output).lines().next_line().await?;
    line.ok_or_else(|| "it ended without a line".into())
}

fn pid(child: &Child) -> Result<Pid, Failure> {
    let id = child.id().ok_or("it has ended")?;
    Pid::from_raw(i32::try_from(id)?).ok_or_else(|| "it has no id".into())
}

/// The benchmarks' application: a folder beside this program with the template and, as `bootstrap`, the
/// function that was built with this program. A `switchboard` that builds it itself would compile its
/// dependencies once more, as cargo prepares them otherwise for link-time optimisation with this program.
fn application() -> Result<PathBuf, Failure> {
    let poster = std::env::current_exe()?.with_file_name("poster");
    let folder = poster.with_file_name("bench-app");
    let (template, bootstrap) = (folder.join("template.yaml"), folder.join("bootstrap"));
    std::fs::create_dir_all(&folder)?;
    std::fs::write(&template, include_str!("../template.yaml"))?;
    // The last run's may be an older one.
    if bootstrap.exists() {
        std::fs::remove_file(&bootstrap)?;
    }
    std::fs::hard_link(&poster, &bootstrap)?;
    Ok(template)
}

/// `switchboard up` with the benchmarks' template.
pub(crate) struct Switchboard {
    child: Child,
    /// Where clients connect.
    pub(crate) url: String,
}

impl Switchboard {
    pub(crate) async fn start() -> Result<Self, Failure> {
        Self::with(&[]).await
    }

    /// One that takes callbacks which nobody has signed.
    pub(crate) async fn unsigned() -> Result<Self, Failure> {
        Self::with(&["--no-verify-signatures"]).await
    }

    /// One that logs at a level of the template's.
    pub(crate) async fn logging(level: &str) -> Result<Self, Failure> {
        Self::with(&["--parameter", &format!("LoggingLevel={level}")]).await
    }

    async fn with(more: &[&str]) -> Result<Self, Failure> {
        let program = std::env::current_exe()?.with_file_name("switchboard");
        let mut child = Command::new(program)
            .args(["up", "--json", "--logs", "none", "--port", "0", "--aws-port", "0", "--no-quotas"])
            .args(more)
            .arg("--template")
            .arg(application()?)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let line: serde_json::Value = serde_json::from_str(&first_line(child.stdout.take()).await?)?;
        let url = line.get("websocket").and_then(serde_json::Value::as_str);
        Ok(Self { child, url: url.ok_or("it does not say where it is")?.to_owned() })
    }

    /// The address of its listener, and the path of the stage.
    pub(crate) fn address(&self) -> Result<(SocketAddr, String), Failure> {
        let (address, stage) = self
            .url
            .strip_prefix("ws://")
            .and_then(|rest| rest.split_once('/'))
            .ok_or("it says a strange address")?;
        Ok((address.parse()?, format!("/{stage}")))
    }

    /// The path of a connection in the management API.
    pub(crate) fn path(&self, id: &str) -> Result<String, Failure> {
        Ok(format!("{}/@connections/{}", self.address()?.1, id.replace('=', "%3D")))
    }

    /// What it and its functions have spent.
    pub(crate) fn spent(&self) -> Result<Spent, Failure> {
        Spent::by(self.child.id().ok_or("it has ended")?)
    }

    /// Bytes of memory that it has at the moment.
    pub(crate) fn resident_bytes(&self) -> Result<u64, Failure> {
        let id = self.child.id().ok_or("it has ended")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()).ok_or("no VmRSS")?;
        Ok(kilobytes.parse::<u64>()? * 1024)
    }

    pub(crate) async fn stop(mut self) -> Result<(), Failure> {
        kill_process(pid(&self.child)?, Signal::TERM)?;
        let status = self.child.wait().await?;
        if status.success() { Ok(()) } else { Err(format!("switchboard ended with {status}").into()) }
    }
}

/// A WebSocket server that does nothing but echo, with the library that the gateway uses.
pub(crate) struct Plain {
    child: Child,
    pub(crate) url: String,
}

impl Plain {
    pub(crate) async fn start() -> Result<Self, Failure> {
        let program = std::env::current_exe()?;
        let mut child =
            Command::new(program).arg("plain").stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let url = first_line(child.stdout.take()).await?;
        Ok(Self { child, url })
    }

    /// What it has spent.
    pub(crate) fn spent(&self) -> Result<Spent, Failure> {
        Spent::by(self.child.id().ok_or("it has ended")?)
    }
}

/// The plain server itself: says where it is, and echoes.
pub(crate) async fn serve_plain() -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "ws://{}/", listener.local_addr()?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(async move {
            let Ok(mut socket) = tokio_tungstenite::accept_async(stream).await else { return };
            while let Some(Ok(message)) = socket.next().await {
                if message.is_text() && socket.send(message).await.is_err() {
                    return;
                }
            }
        });
    }
}

/// serverless-offline with the same API.
pub(crate) struct Peer {
    child: Child,
    pub(crate) url: String,
}

impl Peer {
    pub(crate) async fn start(folder: &Path) -> Result<Self, Failure> {
        let [http, websocket, lambda] = [free_port()?, free_port()?, free_port()?];
        let program: PathBuf = folder.join("node_modules/.bin/osls");
        let child = Command::new(program)
            .args(["offline", "start", "--host", "127.0.0.1"])
            .args(["--httpPort", &http.to_string(), "--websocketPort", &websocket.to_string()])
            .args(["--lambdaPort", &lambda.to_string()])
            .env("BENCH_MANAGEMENT", format!("http://127.0.0.1:{websocket}"))
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // It starts others; they end with the group.
            .process_group(0)
            .spawn()?;
        let mut peer = Self { child, url: format!("ws://127.0.0.1:{websocket}") };
        while TcpStream::connect(("127.0.0.1", websocket)).await.is_err() {
            if let Some(status) = peer.child.try_wait()? {
                return Err(format!("serverless-offline ended with {status}").into());
            }
            sleep_until(Instant::now() + Duration::from_millis(100)).await;
        }
        Ok(peer)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Ok(group) = pid(&self.child) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// A port that nobody listens on at the moment.
fn free_port() -> Result<u16, Failure> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
