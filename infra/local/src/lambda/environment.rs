//! One execution environment: a process, its Runtime API and its output, from start to end.

use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::sleep_until;

use super::function::{EnvironmentId, Function};
use super::output::{LogStream, Pipe};
use super::phase::Ending;
use super::system_log::SystemLog;
use super::{platform, runtime_api, variables};
use crate::programs::Program;

/// Starts an environment's process and watches it until it is gone. `_alive` is held so long.
pub(super) async fn run(
    function: Arc<Function>,
    id: EnvironmentId,
    changed: Arc<Notify>,
    _alive: watch::Receiver<()>,
) {
    let settings = &function.settings;
    let log = LogStream::new(function.logs.clone(), &settings.log_group, Arc::clone(&function.clock));
    let system = Arc::new(SystemLog::new(log.clone(), settings, &function.arn));
    let ending = match Process::start(&function, id, &log, &system).await {
        Ok(mut process) => process.watch(&function, id, &changed).await,
        Err(error) => Ending::NotStarted(error.to_string()),
    };
    function.ended(id, &ending, &system);
}

/// Both pipes of a process.
#[derive(Debug)]
pub(super) struct Output {
    stdout: Arc<Pipe>,
    stderr: Arc<Pipe>,
}

impl Output {
    /// Moves what the process has written so far to the log.
    pub(super) fn drain(&self) {
        self.stdout.drain();
        self.stderr.drain();
    }

    fn finish(&self) {
        self.stdout.finish();
        self.stderr.finish();
    }
}

struct Process {
    child: Child,
    output: Arc<Output>,
    /// The Runtime API's listener and the readers of the pipes; they end with this.
    _tasks: JoinSet<()>,
}

impl Process {
    async fn start(
        function: &Arc<Function>,
        id: EnvironmentId,
        log: &LogStream,
        system: &Arc<SystemLog>,
    ) -> io::Result<Self> {
        let Program::Executable(program) = &function.program else {
            return Err(io::Error::other("there is no program"));
        };
        // A listener for every process: it says which environment is speaking.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?.to_string();
        let (stdout, stdout_end) = io::pipe()?;
        let (stderr, stderr_end) = io::pipe()?;
        let format = function.settings.log_format;
        let output = Arc::new(Output {
            stdout: Arc::new(Pipe::new(stdout, log.clone(), format)?),
            stderr: Arc::new(Pipe::new(stderr, log.clone(), format)?),
        });

        let child = Command::new(program)
            .current_dir(program.parent().unwrap_or(Path::new("/")))
            .env_clear()
            .envs(&function.variables)
            .envs(variables::of_environment(&address, log.name()))
            .stdin(Stdio::null())
            .stdout(stdout_end)
            .stderr(stderr_end)
            // Its own group: Ctrl-C in the terminal is for the host, which ends invocations in
            // order, and what a shell script starts ends with it.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| io::Error::other(format!("fork/exec {}: {error}", program.display())))?;

        system.runs_as(child.id());
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&output.stdout).run());
        tasks.spawn(Arc::clone(&output.stderr).run());
        let speaker = runtime_api::Environment {
            function: Arc::clone(function),
            id,
            output: Arc::clone(&output),
            system: Arc::clone(system),
        };
        tasks.spawn(runtime_api::serve(listener, speaker));
        Ok(Self { child, output, _tasks: tasks })
    }

    /// Waits until the process ends or has to be ended, and is gone.
    async fn watch(&mut self, function: &Arc<Function>, id: EnvironmentId, changed: &Notify) -> Ending {
        loop {
            let until = function.watch(id);
            tokio::select! {
                status = self.child.wait() => {
                    self.output.finish();
                    return Ending::Exited(match status {
                        Ok(status) => platform::exit_reason(status),
                        Err(error) => format!("Runtime exited with error: {error}"),
                    });
                }
                () = changed.notified() => {}
                () = sleep_until(until) => {}
            }
            if let Some(ending) = function.expire(id) {
                self.kill().await;
                return ending;
            }
        }
    }

    async fn kill(&mut self) {
        // The id is there until `wait` has seen the end, so the group is still this one's.
        let group = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(group) = group {
            // An error says that it has just ended.
            let _ = kill_process_group(group, Signal::KILL);
        }
        let _ = self.child.kill().await;
        self.output.finish();
    }
}
