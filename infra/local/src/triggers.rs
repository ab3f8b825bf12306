//! What invokes functions besides WebSocket APIs: messages in queues, schedules, HTTP APIs.

use std::sync::Arc;

use sam::app::{App, EventSource, HttpApi, Schedule};
use tokio::net::TcpListener;

use crate::clock::Clock;
use crate::http_api::HttpApis;
use crate::lambda::Invoke;
use crate::schedule::Schedules;
use crate::sqs::{Sources, Sqs};

/// What the template declares of them.
#[derive(Debug)]
pub(crate) struct Declared {
    event_sources: Vec<EventSource>,
    schedules: Vec<Schedule>,
    http_apis: Vec<HttpApi>,
}

/// How they invoke, and what their events say.
#[derive(Debug, Clone)]
pub(crate) struct Ground {
    pub(crate) invoke: Arc<dyn Invoke>,
    pub(crate) clock: Arc<dyn Clock>,
    /// How many times faster schedules run.
    pub(crate) time_scale: f64,
    pub(crate) region: String,
    /// Twelve digits.
    pub(crate) account_id: String,
}

/// The running ones.
#[derive(Debug)]
pub(crate) struct Triggers {
    sources: Sources,
    schedules: Schedules,
    http: Option<HttpApis>,
}

impl Ground {
    pub(crate) fn new(invoke: Arc<dyn Invoke>, clock: Arc<dyn Clock>, settings: &sam::Settings) -> Self {
        let (region, account_id) = (settings.region.clone(), settings.account_id.clone());
        Self { invoke, clock, time_scale: 1.0, region, account_id }
    }
}

impl Declared {
    /// Takes them out of the app.
    pub(crate) fn take(app: &mut App) -> Self {
        Self {
            event_sources: std::mem::take(&mut app.event_sources),
            schedules: std::mem::take(&mut app.schedules),
            http_apis: std::mem::take(&mut app.http_apis),
        }
    }

    /// Begins to invoke. Without a listener the HTTP APIs are not served.
    pub(crate) fn start(self, sqs: &Sqs, ground: Ground, http: Option<TcpListener>) -> Triggers {
        Triggers {
            sources: Sources::start(sqs, self.event_sources, &ground.invoke),
            schedules: Schedules::start(self.schedules, &ground),
            http: http.map(|listener| HttpApis::start(listener, self.http_apis, ground)),
        }
    }
}

impl Triggers {
    /// Invokes no more, and waits for what runs.
    pub(crate) async fn shutdown(self) {
        if let Some(http) = self.http {
            http.shutdown().await;
        }
        self.schedules.shutdown().await;
        self.sources.shutdown().await;
    }
}
