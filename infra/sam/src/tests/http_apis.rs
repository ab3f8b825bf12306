//! HTTP APIs in each way that templates declare them.

use super::{errors, load};
use crate::app::{App, Target};

const PLAIN: &str = "
Transform: AWS::Serverless-2016-10-31
Resources:
  Http: {Type: AWS::ApiGatewayV2::Api, Properties: {ProtocolType: HTTP, Name: x}}
  Stage: {Type: AWS::ApiGatewayV2::Stage, Properties: {ApiId: !Ref Http, StageName: live, StageVariables: {a: b}}}
  Publish:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Http, RouteKey: POST /api/publish, Target: !Sub 'integrations/${Call}'}
  Locked:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Http, RouteKey: GET /x, AuthorizationType: JWT, Target: !Sub 'integrations/${Call}'}
  Call:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      {ApiId: !Ref Http, IntegrationType: AWS_PROXY, IntegrationUri: !GetAtt Worker.Arn, PayloadFormatVersion: '2.0', TimeoutInMillis: 5000}
  Worker: {Type: AWS::Serverless::Function, Properties: {InlineCode: '', Runtime: nodejs22.x}}
";

/// Every route with what it calls.
fn routes(app: &App) -> Vec<String> {
    let api = &app.http_apis[0];
    let target = |target: &Target| match target {
        Target::Function(id) => id.clone(),
        Target::Unsupported(reason) => format!("({reason})"),
        Target::Mock(_) => "mock".to_owned(),
        Target::ByStage(targets) => format!("{targets:?}"),
    };
    api.routes
        .values()
        .map(|route| format!("{} -> {}", route.key, target(&route.integration.target)))
        .collect()
}

#[test]
fn declared_routes_call_functions() {
    let app = load(PLAIN);
    assert_eq!(
        routes(&app),
        ["GET /x -> (AuthorizationType JWT is not run locally)", "POST /api/publish -> Worker"]
    );
    let api = &app.http_apis[0];
    assert_eq!((api.stage.as_str(), api.variables["a"].as_str()), ("live", "b"));
    assert_eq!(api.routes["POST /api/publish"].integration.timeout.as_millis(), 5000);
    assert_eq!(app.ignored, []);
    let old = load(&PLAIN.replace("'2.0'", "'1.0'"));
    assert_eq!(
        routes(&old)[1],
        "POST /api/publish -> (PayloadFormatVersion 1.0 is not run locally, only 2.0 is)"
    );
}

#[test]
fn events_make_routes_of_sams_api_or_of_a_named_one() {
    let app = load(
        "
Transform: AWS::Serverless-2016-10-31
Resources:
  Named: {Type: AWS::Serverless::HttpApi}
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: ''
      Runtime: nodejs22.x
      Events:
        All: {Type: HttpApi}
        Get: {Type: HttpApi, Properties: {Path: '/a/{id}', Method: get}}
        Other: {Type: HttpApi, Properties: {Path: /b, Method: post, ApiId: !Ref Named}}
",
    );
    let names: Vec<_> =
        app.http_apis.iter().map(|api| (api.logical_id.as_str(), api.stage.as_str())).collect();
    assert_eq!(names, [("Named", "$default"), ("ServerlessHttpApi", "$default")]);
    assert_eq!(routes(&app), ["POST /b -> Worker"]);
    let implicit: Vec<_> = app.http_apis[1].routes.keys().collect();
    assert_eq!(implicit, ["$default", "GET /a/{id}"]);
}

#[test]
fn a_route_key_is_a_method_and_a_path() {
    let wrong = errors(&PLAIN.replace("POST /api/publish", "publish"));
    let expected = "`RouteKey` must be $default or a method and a path, such as `GET /items`, not `publish`";
    assert!(wrong.contains(expected), "{wrong}");
}
