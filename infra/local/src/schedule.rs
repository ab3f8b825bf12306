//! EventBridge: rules that invoke a function again and again.
//!
//! The first time is one interval after the start, as after a rule's creation. Intervals are on the
//! scaled clock, as the limits of connections are, and so is the time that an event tells: whoever
//! watches over those limits sees both go by at one pace. What a function fails at
//! is not tried again here; on AWS an asynchronous invocation is, twice.

use std::time::Duration;

use bytes::Bytes;
use sam::app::Schedule;
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::triggers::Ground;

/// The shortest interval, however fast the clock runs: what is invoked has work to do each time.
const SHORTEST: Duration = Duration::from_millis(500);

/// The running rules.
#[derive(Debug)]
pub(crate) struct Schedules {
    stop: watch::Sender<bool>,
    running: Vec<JoinHandle<()>>,
}

impl Schedules {
    /// Begins with every rule that is enabled.
    pub(crate) fn start(schedules: Vec<Schedule>, ground: &Ground) -> Self {
        let (stop, _) = watch::channel(false);
        let enabled = schedules.into_iter().filter(|schedule| schedule.enabled);
        let running = enabled.map(|schedule| tokio::spawn(run(schedule, ground.clone(), stop.subscribe())));
        Self { running: running.collect(), stop }
    }

    /// Stops the rules, and waits for what they invoke.
    pub(crate) async fn shutdown(self) {
        self.stop.send_replace(true);
        for running in self.running {
            // One that panicked has ended as well.
            let _ = running.await;
        }
    }
}

async fn run(schedule: Schedule, ground: Ground, mut stop: watch::Receiver<bool>) {
    let (began, began_ms) = (Instant::now(), ground.clock.now_ms());
    let every = schedule.every.div_f64(ground.time_scale).max(SHORTEST);
    let mut ticks = interval_at(began + every, every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        let at;
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            tick = ticks.tick() => {
                // Exactly so many intervals after the start, however late it is.
                at = (tick - began).mul_f64(ground.time_scale);
            }
        }
        let now_ms = began_ms.saturating_add(i64::try_from(at.as_millis()).unwrap_or(i64::MAX));
        if let Err(error) = ground.invoke.invoke(&schedule.function, event(&schedule, &ground, now_ms)).await
        {
            tracing::warn!(rule = schedule.name, %error, "a scheduled invocation failed");
        }
    }
}

fn event(schedule: &Schedule, ground: &Ground, now_ms: i64) -> Bytes {
    if let Some(input) = &schedule.input {
        return Bytes::from(input.to_string());
    }
    let now = jiff::Timestamp::from_second(now_ms / 1000).unwrap_or_default();
    let Ground { region, account_id, .. } = ground;
    let event = json!({
        "version": "0",
        "id": uuid::Uuid::new_v4().to_string(),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": account_id,
        "time": now.to_string(),
        "region": region,
        "resources": [format!("arn:aws:events:{region}:{account_id}:rule/{}", schedule.name)],
        "detail": {},
    });
    Bytes::from(event.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures_util::future::BoxFuture;
    use serde_json::Value;
    use tokio::sync::mpsc;

    use super::*;
    use crate::clock::Clock;
    use crate::lambda::{Invoke, InvokeError};

    #[derive(Debug)]
    struct Told(mpsc::UnboundedSender<Value>);

    impl Invoke for Told {
        fn invoke<'a>(&'a self, _: &'a str, payload: Bytes) -> BoxFuture<'a, Result<Bytes, InvokeError>> {
            self.0.send(serde_json::from_slice(&payload).unwrap()).unwrap();
            Box::pin(async { Err(InvokeError::Throttled) })
        }
    }

    #[derive(Debug)]
    struct Fixed;

    impl Clock for Fixed {
        fn now_ms(&self) -> i64 {
            1_790_328_012_345
        }
    }

    fn schedule(input: Option<Value>) -> Schedule {
        Schedule {
            logical_id: "Tick".to_owned(),
            name: "tick".to_owned(),
            function: "F".to_owned(),
            every: Duration::from_secs(60),
            input,
            enabled: true,
        }
    }

    fn start(schedules: Vec<Schedule>) -> (Schedules, mpsc::UnboundedReceiver<Value>) {
        start_at(schedules, 1.0)
    }

    fn start_at(schedules: Vec<Schedule>, time_scale: f64) -> (Schedules, mpsc::UnboundedReceiver<Value>) {
        let (told, events) = mpsc::unbounded_channel();
        let (region, account_id) = ("us-east-1".to_owned(), "123456789012".to_owned());
        let (invoke, clock) = (Arc::new(Told(told)), Arc::new(Fixed));
        let ground = Ground { invoke, clock, time_scale, region, account_id };
        (Schedules::start(schedules, &ground), events)
    }

    #[tokio::test(start_paused = true)]
    async fn a_rule_invokes_again_and_again_even_when_the_function_fails() {
        let (schedules, mut events) = start(vec![schedule(None)]);
        let begun = Instant::now();
        let event = events.recv().await.unwrap();
        assert_eq!(begun.elapsed().as_secs(), 60);
        assert_eq!(event["detail-type"], "Scheduled Event");
        assert_eq!(event["time"], "2026-09-25T09:21:12Z");
        assert_eq!(event["resources"][0], "arn:aws:events:us-east-1:123456789012:rule/tick");
        events.recv().await.unwrap();
        assert_eq!(begun.elapsed().as_secs(), 120);
        schedules.shutdown().await;
        assert!(events.recv().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_rule_is_on_the_scaled_clock() {
        let (schedules, mut events) = start_at(vec![schedule(None)], 120.0);
        let begun = Instant::now();
        for minute in ["21", "22", "23"] {
            let event = events.recv().await.unwrap();
            assert_eq!(event["time"], format!("2026-09-25T09:{minute}:12Z"));
        }
        assert_eq!(begun.elapsed().as_millis(), 1500);
        schedules.shutdown().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_rule_with_an_input_sends_that_and_a_disabled_one_nothing() {
        let disabled = Schedule { enabled: false, every: Duration::from_secs(1), ..schedule(None) };
        let (schedules, mut events) = start(vec![disabled, schedule(Some(json!({ "a": 1 })))]);
        assert_eq!(events.recv().await.unwrap(), json!({ "a": 1 }));
        schedules.shutdown().await;
    }
}
