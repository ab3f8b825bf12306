//! `DefaultRouteSettings` and `RouteSettings` of a stage: how much its routes take, and what is
//! logged and measured of them.
//!
//! "Protect your WebSocket APIs in API Gateway" and "Configure logging for WebSocket APIs" in API
//! Gateway's developer guide.

use std::collections::BTreeMap;

use crate::app::{LoggingLevel, Route, RouteSettings, Throttle};
use crate::properties::Properties;

const MEMBERS: [&str; 5] = [
    "DataTraceEnabled",
    "DetailedMetricsEnabled",
    "LoggingLevel",
    "ThrottlingBurstLimit",
    "ThrottlingRateLimit",
];

/// The settings of every route that has none of its own.
pub(super) fn of_all(stage: &Properties<'_>) -> RouteSettings {
    stage.map("DefaultRouteSettings").map(|settings| read(&settings)).unwrap_or_default()
}

/// The settings of routes that have some of their own.
pub(super) fn of_each(
    stage: &Properties<'_>,
    routes: &BTreeMap<String, Route>,
) -> BTreeMap<String, RouteSettings> {
    let Some(settings) = stage.map("RouteSettings") else { return BTreeMap::new() };
    for (key, at) in settings.names().filter(|(key, _)| !routes.contains_key(*key)) {
        stage.report(at, &format!("`RouteSettings` has the route `{key}`, which the API does not have"));
    }
    let each = settings.names().filter_map(|(key, _)| Some((key.to_owned(), read(&settings.map(key)?))));
    each.collect()
}

fn read(settings: &Properties<'_>) -> RouteSettings {
    settings.check_names(&MEMBERS);
    let level = settings.one_of("LoggingLevel", &["ERROR", "INFO", "OFF"]);
    RouteSettings {
        throttle: Throttle {
            rate: settings.decimal("ThrottlingRateLimit"),
            burst: settings.number("ThrottlingBurstLimit", 0..=u32::MAX),
        },
        logging_level: level.map(|level| match level.as_str() {
            "INFO" => LoggingLevel::Info,
            "ERROR" => LoggingLevel::Error,
            _ => LoggingLevel::Off,
        }),
        data_trace_enabled: settings.truth("DataTraceEnabled"),
        detailed_metrics_enabled: settings.truth("DetailedMetricsEnabled"),
    }
}
