//! The APIs that the gateway serves, made ready once at the start.

use std::collections::BTreeMap;
use std::sync::Arc;

use cloudwatch::logs::LogStore;
use sam::app::{Route, WebSocketApi};

use super::access_log::{AccessLog, Row};
use super::route::{Selection, UnknownVariable};

/// The key of the route that takes what no other does.
const DEFAULT: &str = "$default";

/// One WebSocket API.
#[derive(Debug)]
pub(crate) struct Api {
    /// Its ten characters.
    pub(crate) id: String,
    selection: Selection,
    routes: BTreeMap<String, Route>,
    stages: BTreeMap<String, Arc<Stage>>,
}

/// One stage of an API.
#[derive(Debug)]
pub(crate) struct Stage {
    /// `StageName`.
    pub(crate) name: String,
    /// `StageVariables`.
    pub(crate) variables: BTreeMap<String, String>,
    access_log: Option<AccessLog>,
}

impl Api {
    /// Parses what an API's declaration leaves as text.
    pub(crate) fn new(api: &WebSocketApi, logs: &LogStore) -> Result<Self, UnknownVariable> {
        let stage = |stage: &sam::app::Stage| Stage {
            name: stage.name.clone(),
            variables: stage.variables.clone(),
            access_log: stage.access_log.as_ref().map(|settings| AccessLog::new(settings, logs.clone())),
        };
        let stages = api.stages.iter().map(|(name, declared)| (name.clone(), Arc::new(stage(declared))));
        Ok(Self {
            id: api.id.clone(),
            selection: Selection::parse(&api.route_selection_expression)?,
            routes: api.routes.clone(),
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
}

impl Stage {
    /// Writes a row of the access log, when the stage has one.
    pub(crate) fn log(&self, row: &Row<'_>, now_ms: i64) {
        if let Some(access_log) = &self.access_log {
            access_log.write(row, now_ms);
        }
    }
}
