//! `AWS::ApiGateway::ApiKey`, `UsagePlan` and `UsagePlanKey`: which API keys a stage takes.
//!
//! A key is valid for a stage when it is enabled and a usage plan that names the stage has it, as
//! "Usage plans and API keys" in API Gateway's developer guide says. Quotas and rates of plans are
//! not kept locally.

use super::Created;
use crate::app::{ApiKey, ApiKeySource};
use crate::identity;
use crate::properties::Properties;
use crate::scope::Scope;
use crate::value::Data;

/// Characters of a key's value that API Gateway makes up.
const MADE_UP: usize = 40;

/// What one usage plan gives one stage.
pub(super) struct Grant {
    pub(super) api_id: String,
    pub(super) stage: String,
    pub(super) keys: Vec<ApiKey>,
    /// The logical ids of the plan, its keys and what binds them.
    pub(super) parts: Vec<String>,
}

pub(super) fn read(created: &[Created<'_>], scope: &Scope<'_>) -> Vec<Grant> {
    let of_kind = |kind: &'static str| created.iter().filter(move |created| created.resource.kind == kind);
    let mut grants = Vec::new();
    for plan in of_kind("AWS::ApiGateway::UsagePlan") {
        let properties = plan.properties(scope);
        properties.check_names(&["ApiStages", "Description", "Quota", "Tags", "Throttle", "UsagePlanName"]);
        let plan_id = id(plan, scope);
        let (mut keys, mut parts) = (Vec::new(), vec![plan.resource.id.clone()]);
        for link in of_kind("AWS::ApiGateway::UsagePlanKey") {
            let properties = link.properties(scope);
            properties.check_names(&["KeyId", "KeyType", "UsagePlanId"]);
            let key_id = properties.required_text("KeyId");
            if properties.required_text("UsagePlanId") != plan_id {
                continue;
            }
            parts.push(link.resource.id.clone());
            for key in of_kind("AWS::ApiGateway::ApiKey").filter(|key| id(key, scope) == key_id) {
                parts.push(key.resource.id.clone());
                keys.extend(enabled(key, scope));
            }
        }
        for stage in properties.maps("ApiStages") {
            stage.check_names(&["ApiId", "Stage", "Throttle"]);
            let (api_id, stage) = (stage.text("ApiId"), stage.text("Stage"));
            let (api_id, stage) = (api_id.unwrap_or_default(), stage.unwrap_or_default());
            grants.push(Grant { api_id, stage, keys: keys.clone(), parts: parts.clone() });
        }
    }
    grants
}

/// The key, if clients can use it: API Gateway makes keys that are not unless `Enabled` says so.
fn enabled(key: &Created<'_>, scope: &Scope<'_>) -> Option<ApiKey> {
    let properties = key.properties(scope);
    properties.check_names(&[
        "CustomerId",
        "Description",
        "Enabled",
        "GenerateDistinctId",
        "Name",
        "StageKeys",
        "Tags",
        "Value",
    ]);
    let value = properties.text("Value");
    let made_up = || identity::stable_id(&[&scope.settings.stack_name, &key.resource.id, "Value"], MADE_UP);
    let key = ApiKey { id: id(key, scope), value: value.unwrap_or_else(made_up) };
    (properties.truth("Enabled") == Some(true)).then_some(key)
}

fn id(created: &Created<'_>, scope: &Scope<'_>) -> String {
    match identity::reference(scope, created.resource, created.resource.at).data {
        Data::Text(id) => id.text,
        _ => String::new(),
    }
}

/// `ApiKeySelectionExpression` of an API.
pub(super) fn source(api: &Properties<'_>) -> ApiKeySource {
    let expression = api.text("ApiKeySelectionExpression");
    let plain = expression.as_deref().map(|text| text.replace(['{', '}'], ""));
    match (plain.as_deref(), api.get("ApiKeySelectionExpression")) {
        (Some("$context.authorizer.usageIdentifierKey"), _) => ApiKeySource::Authorizer,
        (None | Some("$request.header.x-api-key"), _) | (_, None) => ApiKeySource::Header,
        (Some(_), Some(value)) => {
            let message = "`ApiKeySelectionExpression` must be $request.header.x-api-key or \
                           $context.authorizer.usageIdentifierKey";
            api.report(value.at, message);
            ApiKeySource::Header
        }
    }
}
