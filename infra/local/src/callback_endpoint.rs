//! Which management endpoint each function gets: a template can have several APIs, whose stages have
//! different names, and a function posts to the connections of one.

use std::collections::BTreeMap;

use sam::app::{Authorization, Function, Route, Target, WebSocketApi};

use crate::stack::Endpoint;

/// The variable by which AWS SDKs find the management API.
const VARIABLE: &str = "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI";

/// Gives every function the local endpoint of its API.
pub(crate) fn give(
    functions: &mut BTreeMap<String, Function>,
    apis: &[WebSocketApi],
    endpoints: &[Endpoint],
) {
    for function in functions.values_mut() {
        let own = function.environment.get(VARIABLE).and_then(|own| meant(own, endpoints));
        let of_api = || {
            let callers = apis.iter().find(|api| calls(api, &function.logical_id));
            let permitted = || apis.iter().find(|api| api.permitted.contains(&function.logical_id));
            let api = callers.or_else(permitted)?;
            endpoints.iter().find(|endpoint| endpoint.api_id == api.id)
        };
        if let Some(endpoint) = own.or_else(of_api).or_else(|| endpoints.first()) {
            function.environment.insert(VARIABLE.to_owned(), endpoint.management.clone());
        }
    }
}

/// The endpoint that stands for one on AWS: `https://{api-id}.execute-api.{region}.amazonaws.com/{stage}`.
fn meant<'a>(url: &str, endpoints: &'a [Endpoint]) -> Option<&'a Endpoint> {
    let (_, rest) = url.split_once("://")?;
    let (id, rest) = rest.split_once(".execute-api.")?;
    let stage = rest.split('/').nth(1).unwrap_or_default();
    let of_api = || endpoints.iter().filter(|endpoint| endpoint.api_id == id);
    of_api().find(|endpoint| endpoint.stage == stage).or_else(|| of_api().next())
}

/// Whether an API calls a function: for a route, or as its authorizer.
fn calls(api: &WebSocketApi, function: &str) -> bool {
    let is_it = |target: &Target| names(target, function);
    api.routes.values().any(|Route { integration, authorization, .. }| {
        integration.as_ref().is_some_and(|integration| is_it(&integration.target))
            || matches!(authorization, Authorization::Custom(authorizer) if is_it(&authorizer.target))
    })
}

fn names(target: &Target, function: &str) -> bool {
    match target {
        Target::Function(id) => id == function,
        Target::ByStage(targets) => targets.values().any(|target| names(target, function)),
        Target::Mock(_) | Target::Unsupported(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn each_function_gets_the_endpoint_of_its_api() {
        let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/callback_endpoint/apis.yaml");
        let mut app = sam::load(&template, &sam::Settings::default()).unwrap();
        let stages = app.apis.iter().flat_map(|api| api.stages.keys().map(move |stage| (api, stage)));
        let endpoint = |(api, stage): (&WebSocketApi, &String)| Endpoint {
            api: api.logical_id.clone(),
            api_id: api.id.clone(),
            stage: stage.clone(),
            websocket: String::new(),
            management: format!("local/{stage}"),
        };
        let endpoints: Vec<_> = stages.map(endpoint).collect();
        give(&mut app.functions, &app.apis, &endpoints);
        let given = |(id, function): (&String, &Function)| format!("{id} {}", function.environment[VARIABLE]);
        insta::assert_snapshot!(app.functions.iter().map(given).collect::<Vec<_>>().join("\n"), @r"
        Alone local/one
        Authorizer local/two
        OfFirst local/one
        OfSecond local/two
        Permitted local/two
        Says local/zebra
        ");
    }
}
