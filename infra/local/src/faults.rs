//! Faults that can be switched on: what AWS does now and then, as often as one likes.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use http::StatusCode;

/// The longest delay.
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// One rule, like `callback-status=429:0.2`: what goes wrong, and in which share of all cases.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    pub(crate) kind: Kind,
    /// Above 0 and up to 1.
    pub(crate) share: f64,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `$disconnect` is not told.
    DropDisconnect,
    /// A connection is lost after a message.
    LoseConnection,
    /// A callback takes longer.
    CallbackDelay(Duration),
    /// A callback is answered with this status and does nothing.
    CallbackStatus(StatusCode),
    /// The process of a function is killed when it has got an invocation.
    KillFunction(String),
    /// No fault: it decides which cases meet one.
    Seed(u64),
}

/// What is wrong with the text of a rule, in one sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// The name.
    #[error(
        "there is no fault `{0}`, only drop-disconnect, lose-connection, callback-delay, callback-status, \
         kill-function, and seed"
    )]
    Unknown(String),
    /// The value, with an example of a good one.
    #[error("{expected}, as in `{example}`")]
    Value {
        /// What the rule needs.
        expected: &'static str,
        /// A good rule.
        example: &'static str,
    },
    /// The share.
    #[error("a share is a number above 0 and up to 1, and `{0}` is none")]
    Share(String),
}

impl FromStr for Fault {
    type Err = FaultError;

    /// `NAME`, `NAME=SHARE`, or `NAME=VALUE` with `:SHARE` behind it for a fault that has a value.
    fn from_str(text: &str) -> Result<Self, FaultError> {
        let (name, rest) = text.split_once('=').map_or((text, None), |(name, rest)| (name, Some(rest)));
        let (value, part) = rest
            .and_then(|rest| rest.rsplit_once(':'))
            .map_or((rest, None), |(value, part)| (Some(value), Some(part)));
        let value = value.filter(|value| !value.is_empty());
        let kind = match name {
            "drop-disconnect" => return Ok(Self { kind: Kind::DropDisconnect, share: share(rest)? }),
            "lose-connection" => return Ok(Self { kind: Kind::LoseConnection, share: share(rest)? }),
            // A seed has no share.
            "seed" => return Ok(Self { kind: Kind::Seed(seed(rest)?), share: 1.0 }),
            "callback-delay" => Kind::CallbackDelay(delay(value)?),
            "callback-status" => Kind::CallbackStatus(status(value)?),
            "kill-function" => Kind::KillFunction(function(value)?),
            unknown => return Err(FaultError::Unknown(unknown.to_owned())),
        };
        Ok(Self { kind, share: share(part)? })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match &self.kind {
            Kind::DropDisconnect => return write!(f, "drop-disconnect={}", self.share),
            Kind::LoseConnection => return write!(f, "lose-connection={}", self.share),
            Kind::Seed(seed) => return write!(f, "seed={seed}"),
            Kind::CallbackDelay(delay) => format!("callback-delay={}ms", delay.as_millis()),
            Kind::CallbackStatus(status) => format!("callback-status={}", status.as_u16()),
            Kind::KillFunction(function) => format!("kill-function={function}"),
        };
        write!(f, "{mark}:{}", self.share)
    }
}

fn share(text: Option<&str>) -> Result<f64, FaultError> {
    let Some(text) = text else { return Ok(1.0) };
    let share = text.parse().ok().filter(|share| *share > 0.0 && *share <= 1.0);
    share.ok_or_else(|| FaultError::Share(text.to_owned()))
}

fn seed(value: Option<&str>) -> Result<u64, FaultError> {
    let seed = value.and_then(|value| value.parse().ok());
    seed.ok_or(FaultError::Value { expected: "seed needs a whole number", example: "seed=42" })
}

fn delay(value: Option<&str>) -> Result<Duration, FaultError> {
    let delay = value.and_then(|value| match value.strip_suffix("ms") {
        Some(millis) => Some(Duration::from_millis(millis.parse().ok()?)),
        None => Some(Duration::from_secs(value.strip_suffix('s')?.parse().ok()?)),
    });
    let expected = "callback-delay needs a time of up to an hour in ms or s";
    let error = FaultError::Value { expected, example: "callback-delay=250ms" };
    delay.filter(|delay| *delay <= LONGEST).ok_or(error)
}

fn status(value: Option<&str>) -> Result<StatusCode, FaultError> {
    let status = value.and_then(|value| value.parse::<StatusCode>().ok());
    let status = status.filter(|status| status.is_client_error() || status.is_server_error());
    let expected = "callback-status needs a status from 400 to 599";
    status.ok_or(FaultError::Value { expected, example: "callback-status=429:0.2" })
}

fn function(value: Option<&str>) -> Result<String, FaultError> {
    let expected = "kill-function needs a function's name in the template";
    let error = FaultError::Value { expected, example: "kill-function=DefaultFunction:0.1" };
    value.map(str::to_owned).ok_or(error)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(rule: &str, expected: Result<&str, &str>) {
        let parsed = rule.parse::<Fault>();
        let parsed = parsed.map(|fault| fault.to_string()).map_err(|error| error.to_string());
        assert_eq!(parsed, expected.map(str::to_owned).map_err(str::to_owned));
    }

    #[test]
    fn rules_have_values_and_shares() {
        check("drop-disconnect", Ok("drop-disconnect=1"));
        check("drop-disconnect=0.5", Ok("drop-disconnect=0.5"));
        check("lose-connection=0.05", Ok("lose-connection=0.05"));
        check("callback-delay=250ms", Ok("callback-delay=250ms:1"));
        check("callback-delay=2s:0.1", Ok("callback-delay=2000ms:0.1"));
        check("callback-status=429:0.2", Ok("callback-status=429:0.2"));
        check("kill-function=DefaultFunction:1", Ok("kill-function=DefaultFunction:1"));
        check("seed=42", Ok("seed=42"));
    }

    #[test]
    fn what_is_wrong_is_one_sentence() {
        check(
            "drop-disconect",
            Err(
                "there is no fault `drop-disconect`, only drop-disconnect, lose-connection, callback-delay, \
                 callback-status, kill-function, and seed",
            ),
        );
        for rule in [
            "callback-delay",
            "callback-delay=",
            "callback-delay=5",
            "callback-delay=2000000s",
            "callback-delay=:0.5",
        ] {
            check(
                rule,
                Err("callback-delay needs a time of up to an hour in ms or s, as in `callback-delay=250ms`"),
            );
        }
        for rule in ["callback-status", "callback-status=200", "callback-status=abc:0.1"] {
            check(
                rule,
                Err("callback-status needs a status from 400 to 599, as in `callback-status=429:0.2`"),
            );
        }
        check(
            "kill-function=:0.1",
            Err(
                "kill-function needs a function's name in the template, as in `kill-function=DefaultFunction:0.1`",
            ),
        );
        check("seed=x", Err("seed needs a whole number, as in `seed=42`"));
        for share in ["0", "1.5", "-1", "x", "", "NaN"] {
            let expected = format!("a share is a number above 0 and up to 1, and `{share}` is none");
            check(&format!("drop-disconnect={share}"), Err(&expected));
            check(&format!("callback-status=500:{share}"), Err(&expected));
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_what_is_shown_is_read_again(rule in "[a-z-]{0,16}[=:.0-9a-z]{0,12}") {
            if let Ok(fault) = rule.parse::<Fault>() {
                prop_assert_eq!(fault.to_string().parse(), Ok(fault));
            }
        }
    }
}
