//! The Lambda host: runs function binaries as processes and invokes them.

use bytes::Bytes;

/// Why an invocation gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// The handler reported an error (it returned one, or panicked).
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
    /// All environments that `ReservedConcurrentExecutions` or the account allows are busy.
    #[error("Rate Exceeded.")]
    Throttled,
    /// The template's function cannot run here.
    #[error("{0}")]
    NotRunnable(String),
}

/// Runs functions. Clones share the environments.
#[derive(Debug, Clone)]
pub struct Host {}

impl Host {
    /// Invokes a function (by its logical id) synchronously and gives its answer as sent.
    ///
    /// # Errors
    /// See [`InvokeError`].
    pub async fn invoke(&self, function: &str, payload: Bytes) -> Result<Bytes, InvokeError> {
        let _ = (function, payload);
        Err(InvokeError::Throttled)
    }
}
