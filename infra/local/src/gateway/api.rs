//! The APIs that the gateway serves, made ready once at the start.

use std::collections::BTreeMap;
use std::sync::Arc;

use cloudwatch::logs::LogStore;
use cloudwatch::metrics::MetricStore;
use sam::app::{ApiKey, ApiKeySource, Route, Target, WebSocketApi};

use super::access_log::{AccessLog, Row};
use super::execution_log::ExecutionLog;
use super::metrics::Metrics;
use super::model::Models;
use super::route::{DEFAULT, Selection};
use super::throttle::{Bucket, Quotas};

/// One WebSocket API.
#[derive(Debug)]
pub(crate) struct Api {
    /// Its ten characters.
    pub(crate) id: String,
    /// `DisableExecuteApiEndpoint`.
    pub(crate) disable_execute_api_endpoint: bool,
    /// `ApiKeySelectionExpression`, when a route has `ApiKeyRequired`.
    pub(crate) api_key_source: Option<ApiKeySource>,
    selection: Selection,
    routes: BTreeMap<String, Route>,
    /// By route key.
    models: BTreeMap<String, Models>,
    stages: BTreeMap<String, Arc<Stage>>,
}

/// One stage of an API.
#[derive(Debug)]
pub(crate) struct Stage {
    /// `StageName`.
    pub(crate) name: String,
    /// `StageVariables`.
    pub(crate) variables: BTreeMap<String, String>,
    /// The API keys that it takes.
    pub(crate) api_keys: Vec<ApiKey>,
    access_log: Option<AccessLog>,
    pub(crate) execution_log: ExecutionLog,
    metrics: Metrics,
    /// By route key.
    throttles: BTreeMap<String, Bucket>,
}

impl Api {
    /// Parses what an API's declaration leaves as text.
    ///
    /// # Errors
    /// What cannot be parsed, in words.
    pub(crate) fn new(
        api: &WebSocketApi,
        logs: &LogStore,
        metrics: &MetricStore,
        quotas: &Quotas,
    ) -> Result<Self, String> {
        let stage = |stage: &sam::app::Stage| Stage {
            name: stage.name.clone(),
            variables: stage.variables.clone(),
            api_keys: stage.api_keys.clone(),
            access_log: stage.access_log.as_ref().map(|settings| AccessLog::new(settings, logs.clone())),
            execution_log: ExecutionLog::new(&api.id, stage, logs.clone()),
            metrics: Metrics::new(&api.id, stage, api.routes.keys(), metrics),
            throttles: throttles(stage, api.routes.keys(), quotas),
        };
        let asks_for_keys = api.routes.values().any(|route| route.api_key_required);
        let stages = api.stages.iter().map(|(name, declared)| (name.clone(), Arc::new(stage(declared))));
        Ok(Self {
            id: api.id.clone(),
            selection: Selection::parse(&api.route_selection_expression)
                .map_err(|error| error.to_string())?,
            disable_execute_api_endpoint: api.disable_execute_api_endpoint,
            api_key_source: asks_for_keys.then_some(api.api_key_source),
            routes: api.routes.clone(),
            models: models(api)?,
            stages: stages.collect(),
        })
    }

    /// The stage of this name.
    pub(crate) fn stage(&self, name: &str) -> Option<&Arc<Stage>> {
        self.stages.get(name)
    }

    /// The route of exactly this key.
    pub(crate) fn route(&self, key: &str) -> Option<&Route> {
        self.routes.get(key)
    }

    /// The route that a message goes to. No message reaches `$connect` or `$disconnect`, even one
    /// that spells them.
    pub(crate) fn select(&self, message: &str) -> Option<&Route> {
        let key = self.selection.evaluate(message);
        let key = key.filter(|key| key != "$connect" && key != "$disconnect");
        key.and_then(|key| self.routes.get(&key)).or_else(|| self.routes.get(DEFAULT))
    }

    /// What is wrong with a message, by the models of its route.
    pub(crate) fn validate(&self, route: &Route, message: &str) -> Result<(), String> {
        self.models.get(&route.key).map_or(Ok(()), |models| models.validate(message))
    }
}

/// The models of the routes that have some, and whether the expressions of mocks can be read.
fn models(api: &WebSocketApi) -> Result<BTreeMap<String, Models>, String> {
    let mut models = BTreeMap::new();
    for (key, route) in &api.routes {
        let named = |reason: String| format!("the route {key}: {reason}");
        if let Some(validation) = &route.validation {
            let of_route = Models::new(validation, api.disable_schema_validation).map_err(named)?;
            models.insert(key.clone(), of_route);
        }
        if let Some(Target::Mock(mock)) = route.integration.as_ref().map(|integration| &integration.target) {
            Selection::parse_key(&mock.template_selection_expression)
                .map_err(|error| named(format!("its TemplateSelectionExpression: {error}")))?;
        }
    }
    Ok(models)
}

/// The buckets of the routes that a stage limits.
fn throttles<'a>(
    stage: &sam::app::Stage,
    routes: impl Iterator<Item = &'a String>,
    quotas: &Quotas,
) -> BTreeMap<String, Bucket> {
    let bucket = |key: &String| {
        let own = stage.route_settings.get(key).copied().unwrap_or_default();
        let default = stage.default_route_settings.throttle;
        Some((key.clone(), Bucket::of_route(own.throttle, default, quotas)?))
    };
    routes.filter_map(bucket).collect()
}

impl Stage {
    /// The bucket of a route, when the stage limits it.
    pub(crate) fn throttle(&self, route_key: &str) -> Option<&Bucket> {
        self.throttles.get(route_key)
    }

    /// Counts what a row is about, and writes the row, when the stage has an access log.
    pub(crate) fn log(&self, row: &Row<'_>, now_ms: i64) {
        self.metrics.count(row, now_ms);
        if let Some(access_log) = &self.access_log {
            access_log.write(row, now_ms);
        }
    }
}
