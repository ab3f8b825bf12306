//! The quotas of a WebSocket API that cannot be raised.
//!
//! [Amazon API Gateway quotas for WebSocket APIs] in API Gateway's developer guide.
//!
//! [Amazon API Gateway quotas for WebSocket APIs]: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html

use std::time::Duration;

/// Bytes of a message, in both directions.
pub(crate) const MESSAGE: usize = 128 * 1024;

/// Bytes of a frame that a client sends; a larger message has to come in several.
pub(crate) const FRAME: usize = 32 * 1024;

/// Bytes of a frame that the gateway sends; a larger message goes in several. About 8 KB were seen.
pub(crate) const SENT_FRAME: usize = 8 * 1024;

/// Messages of one connection that may be under way: the next is read when one is done. API Gateway
/// has no such number; this is how many invocations Lambda runs at once for a new account.
pub(crate) const UNDER_WAY: usize = 1000;

/// How long a request's head may take, from when the connection could have begun it: a kept
/// connection without requests ends after the same time. API Gateway names no such limits.
pub(crate) const HEAD: Duration = Duration::from_secs(60);

/// How long the body of a management call may take after its head.
pub(crate) const BODY: Duration = Duration::from_secs(60);

/// Characters of a request's path and query string.
pub(crate) const URL: usize = 4096;

/// How long the gateway waits for a client to finish closing, and then drops it.
pub(crate) const CLOSING: Duration = Duration::from_secs(2);

/// How long a connection may last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timers {
    /// Without a message either way: 10 minutes.
    pub(crate) idle: Duration,
    /// At all: 2 hours.
    pub(crate) life: Duration,
}

impl Timers {
    /// Timers that run `scale` times faster than API Gateway's; `None` when that is no length of
    /// time.
    pub(crate) fn scaled(scale: f64) -> Option<Self> {
        let scaled = |minutes: f64| Duration::try_from_secs_f64(minutes * 60.0 / scale).ok();
        Some(Self { idle: scaled(10.0)?, life: scaled(120.0)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_makes_both_timers_shorter() {
        let timers = Timers::scaled(60.0).unwrap();
        assert_eq!((timers.idle, timers.life), (Duration::from_secs(10), Duration::from_secs(120)));
    }

    #[test]
    fn a_scale_that_gives_no_length_of_time_is_refused() {
        for scale in [0.0, -1.0, f64::NAN] {
            assert_eq!(Timers::scaled(scale), None);
        }
    }
}
