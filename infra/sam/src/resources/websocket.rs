//! `AWS::ApiGatewayV2::*` with `ProtocolType: WEBSOCKET`: APIs, their routes and stages.

use std::collections::{BTreeMap, BTreeSet};

use super::api_key::{self, Grant};
use super::integration::StageVariables;
use super::{Created, access_log, authorizer, integration, model, permission, route_settings};
use crate::app::{ApiKey, Authorizer, Function, Integration, Route, Stage, WebSocketApi};
use crate::identity;
use crate::properties::Properties;
use crate::scope::Scope;
use crate::value::Data;

/// The APIs, and every resource that is part of one.
pub(super) struct Apis {
    pub(super) apis: Vec<WebSocketApi>,
    /// Logical ids.
    pub(super) used: BTreeSet<String>,
}

/// What is read of one API.
struct Reader<'a, 'b> {
    created: &'a [Created<'a>],
    scope: &'a Scope<'a>,
    functions: &'b BTreeMap<String, Function>,
    /// What usage plans give to stages.
    grants: &'b [Grant],
    api_id: String,
    used: &'b mut BTreeSet<String>,
}

pub(super) fn read(
    created: &[Created<'_>],
    scope: &Scope<'_>,
    functions: &BTreeMap<String, Function>,
) -> Apis {
    let (mut apis, mut used) = (Vec::new(), BTreeSet::new());
    let grants = &api_key::read(created, scope);
    for api in created.iter().filter(|created| created.resource.kind == "AWS::ApiGatewayV2::Api") {
        let properties = api.properties(scope);
        check_api(&properties);
        if properties.one_of("ProtocolType", &["HTTP", "WEBSOCKET"]).as_deref() != Some("WEBSOCKET") {
            continue;
        }
        used.insert(api.resource.id.clone());
        let api_id = identity::api_id(scope, api.resource);
        let mut reader =
            Reader { created, scope, functions, grants, api_id: api_id.clone(), used: &mut used };
        let routes = reader.routes();
        apis.push(WebSocketApi {
            logical_id: api.resource.id.clone(),
            permitted: permission::permitted(created, &api_id, functions),
            id: api_id,
            name: properties.text("Name").unwrap_or_else(|| api.resource.id.clone()),
            route_selection_expression: properties.required_text("RouteSelectionExpression"),
            disable_schema_validation: properties.truth("DisableSchemaValidation") == Some(true),
            stages: reader.stages(&routes),
            routes,
            api_key_source: api_key::source(&properties),
            disable_execute_api_endpoint: properties.truth("DisableExecuteApiEndpoint") == Some(true),
        });
    }
    Apis { apis, used }
}

fn check_api(properties: &Properties<'_>) {
    properties.check_names(&[
        "ApiKeySelectionExpression",
        "BasePath",
        "Body",
        "BodyS3Location",
        "CorsConfiguration",
        "CredentialsArn",
        "Description",
        "DisableExecuteApiEndpoint",
        "DisableSchemaValidation",
        "FailOnWarnings",
        "IpAddressType",
        "Name",
        "ProtocolType",
        "RouteKey",
        "RouteSelectionExpression",
        "Tags",
        "Target",
        "Version",
    ]);
    // An API that is imported has its protocol in the document.
    if !properties.has("Body") && !properties.has("BodyS3Location") {
        properties.require("ProtocolType");
    }
}

impl<'a> Reader<'a, '_> {
    /// The API's resources of one type.
    fn parts(&mut self, kind: &str) -> Vec<(&'a Created<'a>, Properties<'a>)> {
        let mut parts = Vec::new();
        for created in self.created.iter().filter(|created| created.resource.kind == kind) {
            let properties = created.properties(self.scope);
            properties.require("ApiId");
            if properties.text("ApiId").as_deref() == Some(self.api_id.as_str()) {
                self.used.insert(created.resource.id.clone());
                parts.push((created, properties));
            }
        }
        parts
    }

    fn routes(&mut self) -> BTreeMap<String, Route> {
        let integrations = self.integrations();
        let authorizers = self.authorizers();
        let answered = self.answered_routes();
        let models = self.models();
        let mut routes = BTreeMap::new();
        for (created, properties) in self.parts("AWS::ApiGatewayV2::Route") {
            check_route(&properties);
            let key = properties.required_text("RouteKey");
            let id = identity::reference(self.scope, created.resource, created.resource.at);
            let is_answered = matches!(&id.data, Data::Text(id) if answered.contains(&id.text));
            let two_way = properties.has("RouteResponseSelectionExpression") && is_answered;
            let route = Route {
                key: key.clone(),
                authorization: authorizer::of_route(&properties, &key, &authorizers),
                api_key_required: properties.truth("ApiKeyRequired") == Some(true),
                integration: target(&properties, &integrations),
                two_way,
                validation: model::validation(&properties, &models),
            };
            if routes.insert(key.clone(), route).is_some() {
                properties
                    .report(properties.at(), &format!("the API has another route with the key `{key}`"));
            }
        }
        routes
    }

    /// The integrations by the id that routes name.
    fn integrations(&mut self) -> BTreeMap<String, Integration> {
        let mut integrations = BTreeMap::new();
        let stages = self.stage_variables();
        let mut responses = self.integration_responses();
        for (created, properties) in self.parts("AWS::ApiGatewayV2::Integration") {
            let id = identity::reference(self.scope, created.resource, created.resource.at);
            if let Data::Text(id) = id.data {
                let responses = responses.remove(&id.text).unwrap_or_default();
                let integration = integration::read(&properties, self.functions, &stages, &responses);
                integrations.insert(id.text, integration);
            }
        }
        integrations
    }

    fn stage_variables(&mut self) -> StageVariables {
        let stages = self.parts("AWS::ApiGatewayV2::Stage").into_iter();
        stages.filter_map(|(_, stage)| Some((stage.text("StageName")?, variables(&stage)))).collect()
    }

    /// The integration responses by the id of their integration.
    fn integration_responses(&mut self) -> BTreeMap<String, Vec<Properties<'a>>> {
        let mut responses = BTreeMap::<_, Vec<_>>::new();
        for (_, properties) in self.parts("AWS::ApiGatewayV2::IntegrationResponse") {
            properties.check_names(&[
                "ApiId",
                "ContentHandlingStrategy",
                "IntegrationId",
                "IntegrationResponseKey",
                "ResponseParameters",
                "ResponseTemplates",
                "TemplateSelectionExpression",
            ]);
            properties.require("IntegrationResponseKey");
            responses.entry(properties.required_text("IntegrationId")).or_default().push(properties);
        }
        responses
    }

    /// The models' schemas by name.
    fn models(&mut self) -> BTreeMap<String, serde_json::Value> {
        let models = self.parts("AWS::ApiGatewayV2::Model");
        models.iter().map(|(_, properties)| model::read(properties)).collect()
    }

    /// The authorizers by the id that routes name.
    fn authorizers(&mut self) -> BTreeMap<String, Authorizer> {
        let mut authorizers = BTreeMap::new();
        let stages = self.stage_variables();
        for (created, properties) in self.parts("AWS::ApiGatewayV2::Authorizer") {
            let authorizer = authorizer::read(&properties, self.functions, &stages);
            let id = identity::reference(self.scope, created.resource, created.resource.at);
            if let Data::Text(id) = id.data {
                authorizers.insert(id.text, authorizer);
            }
        }
        authorizers
    }

    /// The ids of the routes that have a `RouteResponse`.
    fn answered_routes(&mut self) -> BTreeSet<String> {
        let mut answered = BTreeSet::new();
        for (_, properties) in self.parts("AWS::ApiGatewayV2::RouteResponse") {
            properties.check_names(&[
                "ApiId",
                "ModelSelectionExpression",
                "ResponseModels",
                "ResponseParameters",
                "RouteId",
                "RouteResponseKey",
            ]);
            let route = properties.required_text("RouteId");
            if properties.required_text("RouteResponseKey") == "$default" {
                answered.insert(route);
            }
        }
        answered
    }

    fn stages(&mut self, routes: &BTreeMap<String, Route>) -> BTreeMap<String, Stage> {
        let mut stages = BTreeMap::new();
        for (_, properties) in self.parts("AWS::ApiGatewayV2::Stage") {
            properties.check_names(&[
                "AccessLogSettings",
                "AccessPolicyId",
                "ApiId",
                "AutoDeploy",
                "ClientCertificateId",
                "DefaultRouteSettings",
                "DeploymentId",
                "Description",
                "RouteSettings",
                "StageName",
                "StageVariables",
                "Tags",
            ]);
            let name = properties.required_text("StageName");
            check_stage_name(&properties, &name);
            let stage = Stage {
                name: name.clone(),
                variables: variables(&properties),
                api_keys: self.api_keys(&name),
                access_log: access_log::read(&properties),
                default_route_settings: route_settings::of_all(&properties),
                route_settings: route_settings::of_each(&properties, routes),
            };
            if stages.insert(name.clone(), stage).is_some() {
                properties.report(properties.at(), &format!("the API has another stage named `{name}`"));
            }
        }
        stages
    }

    /// The keys that a stage takes.
    fn api_keys(&mut self, stage: &str) -> Vec<ApiKey> {
        let mut keys = Vec::new();
        let ours = |grant: &&Grant| grant.api_id == self.api_id && grant.stage == stage;
        for grant in self.grants.iter().filter(ours) {
            self.used.extend(grant.parts.iter().cloned());
            keys.extend(grant.keys.iter().cloned());
        }
        keys
    }
}

fn variables(stage: &Properties<'_>) -> BTreeMap<String, String> {
    stage.map("StageVariables").map(|variables| variables.variables()).unwrap_or_default()
}

fn check_route(properties: &Properties<'_>) {
    properties.check_names(&[
        "ApiId",
        "ApiKeyRequired",
        "AuthorizationScopes",
        "AuthorizationType",
        "AuthorizerId",
        "ModelSelectionExpression",
        "OperationName",
        "RequestModels",
        "RequestParameters",
        "RouteKey",
        "RouteResponseSelectionExpression",
        "Target",
    ]);
}

fn target(properties: &Properties<'_>, integrations: &BTreeMap<String, Integration>) -> Option<Integration> {
    let target = properties.text("Target")?;
    let integration = target.strip_prefix("integrations/").and_then(|id| integrations.get(id));
    if let (None, Some(value)) = (integration, properties.get("Target")) {
        let message = format!(
            "`Target` must be `integrations/` and the id of one of the API's integrations, as \
             `!Sub integrations/${{Integration}}` gives it, not `{target}`"
        );
        properties.report(value.at, &message);
    }
    integration.cloned()
}

fn check_stage_name(properties: &Properties<'_>, name: &str) {
    let Some(value) = properties.get("StageName") else { return };
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name == "$default" {
        properties.report(value.at, "a WebSocket API has no `$default` stage; give the stage a name");
    } else if !value.is_unknown() && (name.is_empty() || name.len() > 128 || !name.chars().all(is_name)) {
        let message =
            format!("a stage's name is up to 128 letters, digits, hyphens and underscores, not `{name}`");
        properties.report(value.at, &message);
    }
}
