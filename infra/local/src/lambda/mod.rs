//! The Lambda host: runs function binaries as processes and invokes them.
//!
//! As on AWS, an execution environment (here: one process) works on one invocation at a time, a
//! function that is busy gets another environment, and an idle one is used again. Each process
//! has a Runtime API of its own on a loopback port, so that any runtime that speaks it can run.
//!
//! Where a laptop differs: a function has at most [`ENVIRONMENTS`] processes at once, and what
//! comes on top waits its turn, first come first served, instead of failing. Only
//! `ReservedConcurrentExecutions` throttles, as on AWS. Memory is not limited.

mod environment;
mod function;
mod level;
mod memory;
mod metrics;
mod output;
mod phase;
mod platform;
mod runtime_api;
mod system_log;
mod variables;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cloudwatch::logs::LogStore;
use cloudwatch::metrics::MetricStore;
use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio::time::Instant;
use uuid::Uuid;

use crate::clock::Clock;
use crate::credentials::Credentials;
use crate::programs::{Program, Programs};

use self::function::Function;
pub use self::platform::is_routine;

/// Processes that one function may have at the same time.
pub const ENVIRONMENTS: usize = 32;

/// How long [`Host::shutdown`] lets running invocations go on.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);

/// Why an invocation gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// The handler reported an error (it returned one, or panicked), or its answer was too large.
    #[error("{error_type}: {message}")]
    Function {
        /// `errorType` of the report.
        error_type: String,
        /// `errorMessage` of the report.
        message: String,
    },
    /// The process ended before it answered.
    #[error("Runtime.ExitError: {0}")]
    Exited(String),
    /// The function's own `Timeout` passed; its environment is gone.
    #[error("Task timed out after {seconds}.00 seconds")]
    TimedOut {
        /// The function's `Timeout`.
        seconds: u64,
    },
    /// All environments that `ReservedConcurrentExecutions` allows are busy.
    #[error("Rate Exceeded.")]
    Throttled,
    /// The template's function cannot run here.
    #[error("{0}")]
    NotRunnable(String),
}

/// Invokes a function synchronously: the way of other services to Lambda.
pub(crate) trait Invoke: std::fmt::Debug + Send + Sync {
    /// The answer of the function with this logical id. Dropping the future leaves the invocation
    /// running.
    fn invoke<'a>(&'a self, function: &'a str, payload: Bytes) -> BoxFuture<'a, Result<Bytes, InvokeError>>;

    /// The same, under this request id where there are such.
    fn invoke_as<'a>(
        &'a self,
        function: &'a str,
        payload: Bytes,
        _request_id: &'a str,
    ) -> BoxFuture<'a, Result<Bytes, InvokeError>> {
        self.invoke(function, payload)
    }
}

impl Invoke for Host {
    fn invoke<'a>(&'a self, function: &'a str, payload: Bytes) -> BoxFuture<'a, Result<Bytes, InvokeError>> {
        Box::pin(Self::invoke(self, function, payload))
    }

    fn invoke_as<'a>(
        &'a self,
        function: &'a str,
        payload: Bytes,
        request_id: &'a str,
    ) -> BoxFuture<'a, Result<Bytes, InvokeError>> {
        Box::pin(Self::invoke_as(self, function, payload, request_id))
    }
}

/// What a host runs.
#[derive(Debug, Clone)]
pub struct HostConfig {
    /// The functions by logical id.
    pub functions: BTreeMap<String, sam::app::Function>,
    /// Their executables, by the same ids.
    pub programs: Programs,
    /// Where their output goes.
    pub logs: LogStore,
    /// Where Lambda's metrics go.
    pub metrics: MetricStore,
    /// The region that the functions see, `us-east-1`.
    pub region: String,
    /// The account in the functions' ARNs, twelve digits.
    pub account_id: String,
    /// What the functions sign their calls with.
    pub credentials: Credentials,
    /// Environment variables laid over every function's own: endpoints.
    pub environment: BTreeMap<String, String>,
    /// The time of log events and deadlines.
    pub clock: Arc<dyn Clock>,
}

/// Runs functions. Clones share the environments, which end with the last clone.
#[derive(Debug, Clone)]
pub struct Host {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    functions: BTreeMap<String, Arc<Function>>,
    /// Every environment holds a receiver for as long as its process lives.
    alive: watch::Sender<()>,
}

impl Host {
    /// A host without processes: the first invocation of a function starts one.
    #[must_use]
    pub fn new(mut config: HostConfig) -> Self {
        let (alive, receiver) = watch::channel(());
        let functions = std::mem::take(&mut config.functions)
            .into_iter()
            .map(|(id, function)| {
                let program = config
                    .programs
                    .get(&id)
                    .cloned()
                    .unwrap_or_else(|| Program::Unrunnable(format!("the function {id} has no program")));
                let function = Function::new(function, program, &config, receiver.clone());
                (id, Arc::new(function))
            })
            .collect();
        Self { shared: Arc::new(Shared { functions, alive }) }
    }

    /// Invokes a function (by its logical id) synchronously and gives its answer as sent.
    ///
    /// Dropping the future does not stop the invocation: an integration that timed out goes on
    /// in AWS too. What the process had written to its output before it answered is in the log
    /// store when this returns; a line without its newline is kept back until the newline comes
    /// or the process ends.
    ///
    /// # Errors
    /// See [`InvokeError`].
    pub async fn invoke(&self, function: &str, payload: Bytes) -> Result<Bytes, InvokeError> {
        self.run(function, payload, new_request_id(), false).await
    }

    /// Invokes a function under a request id that the caller knows.
    ///
    /// # Errors
    /// See [`InvokeError`].
    pub(crate) async fn invoke_as(
        &self,
        function: &str,
        payload: Bytes,
        request_id: &str,
    ) -> Result<Bytes, InvokeError> {
        self.run(function, payload, Arc::from(request_id), false).await
    }

    /// Invokes a function, and kills the process that gets the invocation at once, whatever it has
    /// done by then.
    ///
    /// # Errors
    /// [`InvokeError::Exited`], or why it was not invoked.
    pub async fn invoke_and_kill(&self, function: &str, payload: Bytes) -> Result<Bytes, InvokeError> {
        self.run(function, payload, new_request_id(), true).await
    }

    async fn run(
        &self,
        function: &str,
        payload: Bytes,
        request_id: Arc<str>,
        doomed: bool,
    ) -> Result<Bytes, InvokeError> {
        let Some(function) = self.shared.functions.get(function) else {
            return Err(InvokeError::NotRunnable(format!("there is no function {function}")));
        };
        let answer = function.invoke(payload, request_id, doomed)?;
        // Whoever drops an invocation answers it first; this is for the end of the runtime only.
        answer.await.unwrap_or_else(|_| Err(InvokeError::NotRunnable("the Lambda host is gone".to_owned())))
    }

    /// Starts an environment of every function and waits until all are ready, so that what
    /// cannot start is known before the first invocation, which then finds a process. Functions
    /// that cannot run here are left out.
    ///
    /// # Errors
    /// The logical id of a function that does not start, and why.
    pub async fn warm(&self) -> Result<(), (String, String)> {
        let starting: Vec<_> =
            self.shared.functions.iter().filter_map(|(id, function)| Some((id, function.warm()?))).collect();
        for (id, ready) in starting {
            // The sender is dropped only by a host that ends.
            if let Ok(Err(reason)) = ready.await {
                return Err((id.clone(), reason));
            }
        }
        Ok(())
    }

    /// Ends all environments and returns when their processes are gone. Invocations that wait
    /// fail at once; running ones may end within two seconds or their own deadline.
    pub async fn shutdown(&self) {
        self.shared.close(Instant::now() + SHUTDOWN_GRACE);
        self.shared.alive.closed().await;
    }
}

fn new_request_id() -> Arc<str> {
    Arc::from(Uuid::new_v4().to_string())
}

impl Shared {
    fn close(&self, grace: Instant) {
        for function in self.functions.values() {
            function.close(grace);
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.close(Instant::now());
    }
}
