//! This repository's own template, under each environment of its `samconfig.toml`.

use std::path::{Path, PathBuf};

use crate::app::{Code, LogFormat, Target};
use crate::{App, Settings, config, load};

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join(name)
}

fn app(environment: &str) -> App {
    let parameters = config::parameter_overrides(&file("samconfig.toml"), environment);
    let parameters = parameters.unwrap_or_else(|error| panic!("{error}"));
    let settings = Settings { parameters, ..Settings::default() };
    load(&file("template.yaml"), &settings).unwrap_or_else(|errors| panic!("{errors}"))
}

/// The routes as `key function direction`.
fn routes(app: &App) -> Vec<String> {
    let describe = |route: &crate::app::Route| {
        let target = match &route.integration.as_ref().unwrap().target {
            Target::Function(function) => function.clone(),
            Target::Mock(_) => "a mock".to_owned(),
            Target::ByStage(targets) => format!("{targets:?}"),
            Target::Unsupported(reason) => reason.clone(),
        };
        format!("{} {target} {}", route.key, if route.two_way { "two-way" } else { "one-way" })
    };
    app.apis[0].routes.values().map(describe).collect()
}

fn check(environment: &str, anonymous: &str, namespaces: &str) {
    let app = app(environment);
    assert_eq!(
        routes(&app),
        [
            "$connect ConnectFunction one-way",
            "$default DefaultFunction two-way",
            "$disconnect DisconnectFunction one-way",
        ]
    );
    let stage = app.apis[0].stages.get(environment).expect("the stage is named as the environment");
    assert_eq!(stage.access_log.as_ref().unwrap().group, "/aws/apigateway/switchboard/access");
    let default = &app.functions["DefaultFunction"].environment;
    assert_eq!(default["ALLOW_ANONYMOUS"], anonymous);
    assert_eq!(default["NAMESPACES"], namespaces);
    assert_eq!(default["DETAILED_METRICS"], "false");
    assert_eq!(default["TABLE_NAME"], "switchboard-Table");
    let endpoint = format!("https://{}.execute-api.us-east-1.amazonaws.com/{environment}", app.apis[0].id);
    assert_eq!(default["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"], endpoint);
    let ignored: Vec<_> = app.ignored.iter().map(|ignored| ignored.logical_id.as_str()).collect();
    assert_eq!(ignored, if environment == "local" { vec![] } else { vec!["OverviewDashboard"] });
    let server = &app.http_apis[0].routes["POST /api/{method}"];
    assert_eq!(server.integration.target, Target::Function("ApiFunction".to_owned()));
    let api = &app.functions["ApiFunction"].environment;
    assert_eq!(api["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"], endpoint);
    assert_eq!(api["API_KEY"].is_empty(), environment != "local", "no key is known to others");
    let [schedule] = &app.schedules[..] else { panic!("{:?}", app.schedules) };
    assert_eq!((schedule.function.as_str(), schedule.every.as_secs()), ("SweeperFunction", 60));
    let sweeper = &app.functions["SweeperFunction"].environment;
    assert_eq!((&sweeper["API_ID"], sweeper["STAGE_NAME"].as_str()), (&app.apis[0].id, environment));
    assert_eq!((sweeper["KEEP_ALIVE"].as_str(), sweeper["RENEW_CONNECTIONS"].as_str()), ("false", "true"));
}

#[test]
fn the_local_environment_is_open() {
    check(
        "local",
        "true",
        r#"{"room":{"allow_subscribe_for_client":true,"allow_publish_for_client":true,"presence":true,"join_leave":true,"allow_presence_for_subscriber":true,"history_size":100,"history_ttl":"1h","force_recovery":true,"allow_history_for_subscriber":true}}"#,
    );
}

#[test]
fn the_deployed_environments_are_strict() {
    check("dev", "false", "{}");
    check("prod", "false", "{}");
}

#[test]
fn every_function_is_a_package_that_cargo_builds() {
    let app = app("local");
    assert_eq!(app.functions.len(), 5);
    for function in app.functions.values() {
        let Code::Cargo { package, binary } = &function.code else { panic!("{:?}", function.code) };
        let name = package.file_name().and_then(|name| name.to_str());
        assert_eq!(name, binary.as_deref(), "folder = binary");
        assert!(matches!(function.log_format, LogFormat::Json { .. }));
        assert!(app.log_groups.iter().any(|group| group.name == function.log_group));
    }
}

#[test]
fn the_access_log_is_json_when_every_value_is_absent() {
    let app = app("prod");
    let format = &app.apis[0].stages["prod"].access_log.as_ref().unwrap().format;
    // API Gateway's own bound on a format.
    assert!(format.len() <= 1024, "{}", format.len());
    let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(format).unwrap();
    assert!(fields.values().all(|value| value.as_str().is_some_and(|text| text.starts_with("$context."))));
    assert_eq!(fields.len(), 19);
}

#[test]
fn the_table_has_the_keys_and_the_time_to_live_that_the_functions_use() {
    let app = app("local");
    let table = &app.tables[0];
    assert_eq!(table.ttl_attribute.as_deref(), Some("ttl"));
    let keys = serde_json::json!([
        {"AttributeName": "PK", "KeyType": "HASH"},
        {"AttributeName": "SK", "KeyType": "RANGE"},
    ]);
    assert_eq!(table.create["KeySchema"], keys);
    assert_eq!(table.create["BillingMode"], "PAY_PER_REQUEST");
}
