//! `DefaultRouteSettings` and `RouteSettings` of a stage: how much its routes take.
//!
//! "Protect your WebSocket APIs in API Gateway" in API Gateway's developer guide.

use std::collections::BTreeMap;

use crate::app::{Route, Throttle};
use crate::properties::Properties;

const MEMBERS: [&str; 5] = [
    "DataTraceEnabled",
    "DetailedMetricsEnabled",
    "LoggingLevel",
    "ThrottlingBurstLimit",
    "ThrottlingRateLimit",
];

/// The throttle of every route without settings of its own.
pub(super) fn of_all(stage: &Properties<'_>) -> Throttle {
    stage.map("DefaultRouteSettings").map(|settings| read(&settings)).unwrap_or_default()
}

/// The throttles of routes with settings of their own.
pub(super) fn of_each(
    stage: &Properties<'_>,
    routes: &BTreeMap<String, Route>,
) -> BTreeMap<String, Throttle> {
    let Some(settings) = stage.map("RouteSettings") else { return BTreeMap::new() };
    for (key, at) in settings.names().filter(|(key, _)| !routes.contains_key(*key)) {
        stage.report(at, &format!("`RouteSettings` has the route `{key}`, which the API does not have"));
    }
    let each = settings.names().filter_map(|(key, _)| Some((key.to_owned(), read(&settings.map(key)?))));
    each.collect()
}

fn read(settings: &Properties<'_>) -> Throttle {
    settings.check_names(&MEMBERS);
    Throttle {
        rate: settings.decimal("ThrottlingRateLimit"),
        burst: settings.number("ThrottlingBurstLimit", 0..=u32::MAX),
    }
}
