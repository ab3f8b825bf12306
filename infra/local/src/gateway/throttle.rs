//! Rate limits: token buckets of the account, of new connections, and of routes.
//!
//! [Amazon API Gateway quotas] and [Protect your WebSocket APIs in API Gateway] in API Gateway's
//! developer guide.
//!
//! [Amazon API Gateway quotas]: https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
//! [Protect your WebSocket APIs in API Gateway]: https://docs.aws.amazon.com/apigateway/latest/developerguide/websocket-api-protect.html

use std::sync::{Mutex, PoisonError};

use sam::app::Throttle;
use tokio::time::Instant;

/// The quotas of an account in a region. The default is AWS's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quotas {
    /// Messages, connections and callbacks a second, of all APIs together.
    pub account_rate: f64,
    /// How many of them at once.
    pub account_burst: u32,
    /// New connections a second, of all APIs together; as many at once.
    pub connects_per_second: u32,
}

impl Default for Quotas {
    fn default() -> Self {
        Self { account_rate: 10_000.0, account_burst: 5_000, connects_per_second: 500 }
    }
}

impl Quotas {
    /// More than a machine can do. What a stage's own settings limit stays limited.
    #[must_use]
    pub const fn unlimited() -> Self {
        Self { account_rate: f64::INFINITY, account_burst: u32::MAX, connects_per_second: u32::MAX }
    }
}

/// What is shared by everything of the account.
#[derive(Debug)]
pub(crate) struct Throttles {
    account: Bucket,
    connects: Bucket,
}

impl Throttles {
    pub(crate) fn new(quotas: &Quotas) -> Self {
        let connects = quotas.connects_per_second;
        Self {
            account: Bucket::new(quotas.account_rate, quotas.account_burst),
            connects: Bucket::new(connects.into(), connects),
        }
    }

    /// Whether a callback, or a message or connection of a route with this bucket, may go on.
    pub(crate) fn admit(&self, route: Option<&Bucket>) -> bool {
        let now = Instant::now();
        route.is_none_or(|route| route.take(now)) && self.account.take(now)
    }

    /// The same for a new connection.
    pub(crate) fn admit_connection(&self, route: Option<&Bucket>) -> bool {
        self.connects.take(Instant::now()) && self.admit(route)
    }
}

/// A token bucket that many share.
#[derive(Debug)]
pub(crate) struct Bucket(Mutex<TokenBucket>);

impl Bucket {
    fn new(rate: f64, burst: u32) -> Self {
        Self(Mutex::new(TokenBucket::full(rate, burst, Instant::now())))
    }

    /// The bucket of a route: its own settings, then the stage's, then the account's. `None` when
    /// neither of the first two limits anything.
    pub(crate) fn of_route(own: Throttle, stage: Throttle, quotas: &Quotas) -> Option<Self> {
        let (rate, burst) = (own.rate.or(stage.rate), own.burst.or(stage.burst));
        if rate.is_none() && burst.is_none() {
            return None;
        }
        Some(Self::new(rate.unwrap_or(quotas.account_rate), burst.unwrap_or(quotas.account_burst)))
    }

    fn take(&self, now: Instant) -> bool {
        // Taking leaves the bucket whole, so a poisoned lock is still good.
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take(now)
    }
}

/// Parts of a token: a token a second gives this many in a nanosecond, so that nothing is rounded.
const PARTS_A_NANOSECOND: f64 = 1e6;

/// A token in parts.
const TOKEN: u128 = 1_000_000_000_000_000;

/// Holds at most `burst` tokens and gains `rate` a second: within any time `t` it gives at most
/// `burst + rate * t`.
#[derive(Debug)]
struct TokenBucket {
    /// Parts that it can hold.
    most: u128,
    /// Parts that it holds.
    level: u128,
    /// Parts that it gains in a nanosecond.
    gain: u128,
    /// When that was counted.
    at: Instant,
}

impl TokenBucket {
    /// A full one.
    fn full(rate: f64, burst: u32, now: Instant) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped; NaN becomes 0")]
        let gain = (rate.clamp(0.0, 1e12) * PARTS_A_NANOSECOND) as u64;
        let most = u128::from(burst) * TOKEN;
        Self { most, level: most, gain: gain.into(), at: now }
    }

    /// Takes a token, if there is one. `now` is not before the last one.
    fn take(&mut self, now: Instant) -> bool {
        let gained = self.gain.saturating_mul(now.saturating_duration_since(self.at).as_nanos());
        self.level = self.level.saturating_add(gained).min(self.most);
        self.at = self.at.max(now);
        let left = self.level.checked_sub(TOKEN);
        self.level = left.unwrap_or(self.level);
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    /// Takes tokens at these milliseconds and shows what is given: `+` or `-`.
    #[track_caller]
    fn check(rate: f64, burst: u32, millis: &[u64], expected: &str) {
        let start = Instant::now();
        let mut bucket = TokenBucket::full(rate, burst, start);
        let given = millis.iter().map(|ms| bucket.take(start + Duration::from_millis(*ms)));
        let given: String = given.map(|given| if given { '+' } else { '-' }).collect();
        assert_eq!(given, expected);
    }

    #[test]
    fn a_burst_goes_and_then_the_rate() {
        check(10.0, 3, &[0, 0, 0, 0, 99, 100, 100, 199, 200], "+++--+--+");
        check(0.5, 1, &[0, 1999, 2000, 3999, 4000], "+-+-+");
    }

    #[test]
    fn it_holds_no_more_than_a_burst() {
        check(10.0, 2, &[0, 0, 60_000, 60_000, 60_000], "++++-");
    }

    #[test]
    fn without_a_rate_the_burst_is_all_and_without_a_burst_there_is_nothing() {
        check(0.0, 2, &[0, 0, 0, 1_000_000], "++--");
        check(10.0, 0, &[0, 1_000_000], "--");
        check(f64::NAN, 1, &[0, 1_000_000], "+-");
        check(f64::INFINITY, u32::MAX, &[0, 0, 0, 1, 1_000_000_000], "+++++");
    }

    #[test]
    fn the_defaults_are_those_of_aws() {
        let quotas = Quotas::default();
        assert_eq!(
            (quotas.account_rate, quotas.account_burst, quotas.connects_per_second),
            (10_000.0, 5_000, 500)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_routes_bucket_is_its_own_then_the_stages_then_the_accounts() {
        let quotas = Quotas { account_rate: 0.0, account_burst: 3, connects_per_second: 1 };
        let given = |own: Throttle, stage: Throttle| {
            let bucket = Bucket::of_route(own, stage, &quotas)?;
            Some((0..10).filter(|_| bucket.take(Instant::now())).count())
        };
        let throttle = |rate: Option<f64>, burst: Option<u32>| Throttle { rate, burst };
        assert_eq!(given(throttle(None, None), throttle(None, None)), None);
        assert_eq!(given(throttle(None, Some(1)), throttle(None, Some(2))), Some(1));
        assert_eq!(given(throttle(Some(1.0), None), throttle(None, Some(2))), Some(2));
        assert_eq!(given(throttle(Some(1.0), None), throttle(None, None)), Some(3));
    }

    #[tokio::test(start_paused = true)]
    async fn connections_have_a_quota_besides_the_accounts() {
        let throttles =
            Throttles::new(&Quotas { account_rate: 1.0, account_burst: 3, connects_per_second: 2 });
        let connections = |count| (0..count).filter(|_| throttles.admit_connection(None)).count();
        assert_eq!(connections(9), 2);
        assert!(throttles.admit(None) && !throttles.admit(None), "two connections took two of three");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(connections(9), 1, "the account gained one");
    }

    proptest! {
        /// In any window of time: at most the burst, and what the rate gives meanwhile.
        #[test]
        fn never_gives_more_than_burst_and_rate(
            rate in 0_u32..2000,
            burst in 0_u32..50,
            gaps in prop::collection::vec(0_u64..30_000_000, 1..200),
        ) {
            let start = Instant::now();
            let mut bucket = TokenBucket::full(rate.into(), burst, start);
            let (mut now, mut given) = (0, Vec::new());
            for gap in gaps {
                now += gap;
                if bucket.take(start + Duration::from_nanos(now)) {
                    given.push(now);
                }
            }
            for (index, from) in given.iter().enumerate() {
                for (count, to) in given[index..].iter().enumerate() {
                    let most = u64::from(burst) * 1_000_000_000 + u64::from(rate) * (to - from);
                    prop_assert!((count as u64 + 1) * 1_000_000_000 <= most);
                }
            }
        }
    }
}
