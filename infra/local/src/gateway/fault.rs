//! Faults that are switched on: which case meets which.
//!
//! Every rule draws from a sequence of its own that the seed decides: the same seed and the same order
//! of cases meet the same faults.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::StatusCode;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use crate::faults::{Fault, Kind};
use crate::lambda::{Host, Invoke, InvokeError};

/// The rules; without any, nothing happens.
#[derive(Debug)]
pub(crate) struct Faults {
    rules: Vec<Rule>,
    seed: u64,
}

#[derive(Debug)]
struct Rule {
    fault: Fault,
    random: Mutex<StdRng>,
}

/// What happens to one callback.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CallbackFault {
    /// How long it waits.
    pub(crate) delay: Duration,
    /// What it is answered, if it is not carried out.
    pub(crate) status: Option<StatusCode>,
}

impl Faults {
    /// The rules with the seed that is among them, or any.
    pub(crate) fn new(faults: &[Fault]) -> Self {
        let given = faults.iter().rev().find_map(|fault| match fault.kind {
            Kind::Seed(seed) => Some(seed),
            _ => None,
        });
        // Any other fits into what a person types again.
        let seed = given.unwrap_or_else(|| rand::random::<u32>().into());
        let rules = faults.iter().filter(|fault| !matches!(fault.kind, Kind::Seed(_)));
        let rules = rules.zip(0_u64..).map(|(fault, index)| Rule {
            fault: fault.clone(),
            random: Mutex::new(StdRng::seed_from_u64(seed.wrapping_add(index))),
        });
        Self { rules: rules.collect(), seed }
    }

    /// Whether no rule is given.
    pub(crate) fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// The functions that rules name.
    pub(crate) fn functions(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().filter_map(|rule| match &rule.fault.kind {
            Kind::KillFunction(function) => Some(function.as_str()),
            _ => None,
        })
    }

    /// Whether `$disconnect` is not told this time.
    pub(crate) fn drops_disconnect(&self) -> bool {
        self.happens(|kind| *kind == Kind::DropDisconnect)
    }

    /// Whether a connection is lost after this message.
    pub(crate) fn loses_connection(&self) -> bool {
        self.happens(|kind| *kind == Kind::LoseConnection)
    }

    /// What happens to this callback.
    pub(crate) fn callback(&self) -> CallbackFault {
        let mut fault = CallbackFault { delay: Duration::ZERO, status: None };
        for rule in &self.rules {
            match rule.fault.kind {
                Kind::CallbackDelay(delay) if rule.draw() => fault.delay += delay,
                Kind::CallbackStatus(status) if rule.draw() => fault.status = Some(status),
                _ => {}
            }
        }
        fault
    }

    /// Whether the function is killed this time.
    fn kills(&self, function: &str) -> bool {
        self.happens(|kind| matches!(kind, Kind::KillFunction(name) if name == function))
    }

    /// Draws for every rule of a kind, so that none depends on the others.
    fn happens(&self, of: impl Fn(&Kind) -> bool) -> bool {
        self.rules.iter().filter(|rule| of(&rule.fault.kind)).filter(|rule| rule.draw()).count() > 0
    }
}

impl fmt::Display for Faults {
    /// The rules and the seed, as they are given.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for rule in &self.rules {
            write!(f, "{}, ", rule.fault)?;
        }
        write!(f, "seed={}", self.seed)
    }
}

impl Rule {
    fn draw(&self) -> bool {
        // A draw leaves the sequence whole, so a poisoned lock is still good.
        self.random.lock().unwrap_or_else(PoisonError::into_inner).random_bool(self.fault.share)
    }
}

/// Lambda, with processes that are killed.
#[derive(Debug)]
pub(crate) struct Killing {
    pub(crate) host: Host,
    pub(crate) faults: Arc<Faults>,
}

impl Invoke for Killing {
    fn invoke<'a>(&'a self, function: &'a str, payload: Bytes) -> BoxFuture<'a, Result<Bytes, InvokeError>> {
        if self.faults.kills(function) {
            Box::pin(self.host.invoke_and_kill(function, payload))
        } else {
            Invoke::invoke(&self.host, function, payload)
        }
    }

    fn invoke_as<'a>(
        &'a self,
        function: &'a str,
        payload: Bytes,
        request_id: &'a str,
    ) -> BoxFuture<'a, Result<Bytes, InvokeError>> {
        if self.faults.kills(function) {
            Box::pin(self.host.invoke_and_kill(function, payload))
        } else {
            Invoke::invoke_as(&self.host, function, payload, request_id)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(rules: &[&str]) -> Faults {
        Faults::new(&rules.iter().map(|rule| rule.parse().unwrap()).collect::<Vec<_>>())
    }

    /// Which of some cases meet a fault.
    fn met(faults: &Faults) -> Vec<bool> {
        (0..200).map(|_| faults.loses_connection()).collect()
    }

    #[test]
    fn without_rules_nothing_happens() {
        let faults = faults(&["seed=1"]);
        assert!(faults.is_empty() && !faults.drops_disconnect() && !faults.kills("F"));
        assert_eq!(faults.callback(), CallbackFault { delay: Duration::ZERO, status: None });
    }

    #[test]
    fn a_rule_without_a_share_always_happens_and_only_its_own() {
        let faults =
            faults(&["drop-disconnect", "callback-delay=2s", "callback-status=429", "kill-function=F"]);
        assert!(faults.drops_disconnect() && faults.kills("F"));
        assert!(!faults.loses_connection() && !faults.kills("G"));
        let status = Some(StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(faults.callback(), CallbackFault { delay: Duration::from_secs(2), status });
        assert_eq!(faults.functions().collect::<Vec<_>>(), ["F"]);
    }

    #[test]
    fn a_share_is_about_that_of_the_cases() {
        let count = met(&faults(&["lose-connection=0.25", "seed=7"])).into_iter().filter(|met| *met).count();
        assert!((30..70).contains(&count), "{count} of 200");
    }

    #[test]
    fn the_seed_decides_and_other_rules_do_not_matter() {
        let one = met(&faults(&["lose-connection=0.5", "seed=7"]));
        assert_eq!(met(&faults(&["lose-connection=0.5", "drop-disconnect", "seed=7"])), one);
        assert_ne!(met(&faults(&["lose-connection=0.5", "seed=8"])), one);
        // One that nobody gave is told, and gives the same again.
        let unseeded = faults(&["lose-connection=0.5"]);
        let told = unseeded.to_string();
        let rules: Vec<_> = told.split(", ").collect();
        assert_eq!(met(&faults(&rules)), met(&unseeded));
    }
}
