//! HTTP APIs: `AWS::ApiGatewayV2::*` with `ProtocolType: HTTP`, `AWS::Serverless::HttpApi`, and the
//! `HttpApi` events of functions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::{Created, integration};
use crate::app::{Function, HttpApi, HttpRoute, Integration, Target};
use crate::identity;
use crate::properties::Properties;
use crate::scope::Scope;
use crate::value::Data;

/// API Gateway's longest wait for an HTTP API's integration, and the one when none is set.
const LONGEST_MILLIS: u32 = 30_000;

/// The only payload format that is spoken here, and SAM's own.
const PAYLOAD: &str = "2.0";

/// The APIs, and every resource that is part of one.
pub(super) struct HttpApis {
    pub(super) apis: Vec<HttpApi>,
    /// Logical ids.
    pub(super) used: BTreeSet<String>,
}

/// What is read of one API.
struct Reader<'a, 'b> {
    created: &'a [Created<'a>],
    scope: &'a Scope<'a>,
    functions: &'b BTreeMap<String, Function>,
    api_id: String,
    used: &'b mut BTreeSet<String>,
}

pub(super) fn read(
    created: &[Created<'_>],
    scope: &Scope<'_>,
    functions: &BTreeMap<String, Function>,
) -> HttpApis {
    let (mut apis, mut used) = (Vec::new(), BTreeSet::new());
    for api in created {
        let properties = api.properties(scope);
        let is_http = match api.resource.kind.as_str() {
            "AWS::ApiGatewayV2::Api" => properties.text("ProtocolType").as_deref() == Some("HTTP"),
            "AWS::Serverless::HttpApi" => true,
            _ => false,
        };
        // What an OpenAPI document declares is not read.
        if !is_http
            || properties.has("Body")
            || properties.has("DefinitionBody")
            || properties.has("DefinitionUri")
        {
            continue;
        }
        let api_id = identity::api_id(scope, api.resource);
        let mut parts = BTreeSet::from([api.resource.id.clone()]);
        let mut reader = Reader { created, scope, functions, api_id: api_id.clone(), used: &mut parts };
        let mut routes = reader.routes();
        routes.extend(reader.events());
        let (stage, variables) = reader.stage(&properties);
        if !routes.is_empty() {
            used.append(&mut parts);
            apis.push(HttpApi { logical_id: api.resource.id.clone(), id: api_id, routes, stage, variables });
        }
    }
    HttpApis { apis, used }
}

impl<'a> Reader<'a, '_> {
    /// The API's resources of one type.
    fn parts(&mut self, kind: &str) -> Vec<(&'a Created<'a>, Properties<'a>)> {
        let created = self.created.iter().filter(|created| created.resource.kind == kind);
        let parts = created.map(|created| (created, created.properties(self.scope)));
        let ours =
            |(_, properties): &(_, Properties<'_>)| properties.text("ApiId").as_deref() == Some(&self.api_id);
        let parts: Vec<_> = parts.filter(ours).collect();
        self.used.extend(parts.iter().map(|(created, _)| created.resource.id.clone()));
        parts
    }

    /// Declared routes by their keys.
    fn routes(&mut self) -> BTreeMap<String, HttpRoute> {
        let mut integrations = BTreeMap::new();
        for (created, properties) in self.parts("AWS::ApiGatewayV2::Integration") {
            let id = identity::reference(self.scope, created.resource, created.resource.at);
            if let Data::Text(id) = id.data {
                integrations.insert(format!("integrations/{}", id.text), self.integration(&properties));
            }
        }
        let mut routes = BTreeMap::new();
        for (_, properties) in self.parts("AWS::ApiGatewayV2::Route") {
            let key = properties.required_text("RouteKey");
            check_key(&properties, &key);
            let target = properties.text("Target").unwrap_or_default();
            let authorization = properties.text("AuthorizationType").filter(|kind| kind != "NONE");
            let integration = match (authorization, integrations.get(&target)) {
                (Some(kind), _) => unsupported(format!("AuthorizationType {kind} is not run locally")),
                (None, Some(integration)) => integration.clone(),
                (None, None) => unsupported("its Target is no integration of the API".to_owned()),
            };
            routes.insert(key.clone(), HttpRoute { key, integration });
        }
        routes
    }

    fn integration(&self, properties: &Properties<'_>) -> Integration {
        properties.check_names(&integration::MEMBERS);
        let millis = properties.number("TimeoutInMillis", 50..=LONGEST_MILLIS).unwrap_or(LONGEST_MILLIS);
        let kind = properties.required_text("IntegrationType");
        let format = properties.required_text("PayloadFormatVersion");
        let target = if kind != "AWS_PROXY" {
            Target::Unsupported(format!(
                "an integration of type {kind} is not run locally, only AWS_PROXY is"
            ))
        } else if format != PAYLOAD {
            Target::Unsupported(format!(
                "PayloadFormatVersion {format} is not run locally, only {PAYLOAD} is"
            ))
        } else {
            self.function(&properties.required_text("IntegrationUri"))
        };
        Integration { target, timeout: Duration::from_millis(u64::from(millis)) }
    }

    /// An HTTP API's integration may name a function by its plain ARN, too.
    fn function(&self, uri: &str) -> Target {
        let plain = uri.strip_prefix("arn:").and_then(|rest| rest.split_once(":function:"));
        let name =
            plain.filter(|_| !uri.contains("/functions/")).and_then(|(_, name)| name.split(':').next());
        match name.map(|name| self.functions.values().find(|function| function.name == name)) {
            Some(Some(function)) => Target::Function(function.logical_id.clone()),
            Some(None) => {
                Target::Unsupported(format!("the function of `{uri}` is not part of this template"))
            }
            None => integration::function("IntegrationUri", uri, self.functions),
        }
    }

    /// The routes of the functions' events. One that names no API belongs to SAM's implicit one.
    fn events(&mut self) -> BTreeMap<String, HttpRoute> {
        let mut routes = BTreeMap::new();
        let implicit = self.scope.resource("ServerlessHttpApi").map(|api| identity::api_id(self.scope, api));
        for created in self.created.iter().filter(|created| created.resource.kind == "HttpApi event") {
            let properties = created.properties(self.scope);
            let api = properties.text("ApiId").or_else(|| implicit.clone());
            let function = self.functions.keys().filter(|id| created.resource.id.starts_with(id.as_str()));
            let (Some(function), true) =
                (function.max_by_key(|id| id.len()), api.as_ref() == Some(&self.api_id))
            else {
                continue;
            };
            self.used.insert(created.resource.id.clone());
            let key = match (properties.text("Method"), properties.text("Path")) {
                (Some(method), Some(path)) => format!("{} {path}", method.to_uppercase()),
                _ => "$default".to_owned(),
            };
            let millis = properties.number("TimeoutInMillis", 50..=LONGEST_MILLIS).unwrap_or(LONGEST_MILLIS);
            let timeout = Duration::from_millis(u64::from(millis));
            let integration = match properties.text("PayloadFormatVersion") {
                Some(format) if format != PAYLOAD => unsupported(format!(
                    "PayloadFormatVersion {format} is not run locally, only {PAYLOAD} is"
                )),
                _ if properties.has("Auth") => unsupported("Auth of an event is not run locally".to_owned()),
                _ => Integration { target: Target::Function(function.clone()), timeout },
            };
            routes.insert(key.clone(), HttpRoute { key, integration });
        }
        routes
    }

    /// The stage's name and its variables; SAM makes `$default` unless it is told another.
    fn stage(&mut self, api: &Properties<'_>) -> (String, BTreeMap<String, String>) {
        let declared =
            self.parts("AWS::ApiGatewayV2::Stage").into_iter().next().map(|(_, properties)| properties);
        let properties = declared.as_ref().unwrap_or(api);
        let name = properties.text("StageName").unwrap_or_else(|| "$default".to_owned());
        let variables = properties.map("StageVariables").map(|variables| variables.variables());
        (name, variables.unwrap_or_default())
    }
}

fn unsupported(reason: String) -> Integration {
    Integration { target: Target::Unsupported(reason), timeout: Duration::from_secs(30) }
}

/// `$default`, or a method and a path.
fn check_key(properties: &Properties<'_>, key: &str) {
    const METHODS: [&str; 8] = ["ANY", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];
    let is_route =
        key.split_once(' ').is_some_and(|(method, path)| METHODS.contains(&method) && path.starts_with('/'));
    if let (false, Some(value)) = (is_route || key == "$default", properties.get("RouteKey")) {
        let message =
            format!("`RouteKey` must be $default or a method and a path, such as `GET /items`, not `{key}`");
        properties.report(value.at, &message);
    }
}
