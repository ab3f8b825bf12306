//! What stands before an integration: models and throttles.

use serde_json::json;

use super::{errors, load};
use crate::app::{RouteSettings, Throttle};

/// An API of SAM's with one route, `talk`; the arguments are lines of the API, of the route, and
/// resources.
fn template(api: &str, route: &str, resources: &str) -> String {
    format!(
        "
Transform: AWS::Serverless-2016-10-31
Resources:
  Api:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      RouteSelectionExpression: $request.body.action
{api}
      Routes:
        talk:
          FunctionArn: !GetAtt Talk.Arn
{route}
  Talk: {{Type: AWS::Serverless::Function, Properties: {{InlineCode: '', Runtime: nodejs22.x}}}}
{resources}
"
    )
}

const MODELS: &str = r#"
  Text:
    Type: AWS::ApiGatewayV2::Model
    Properties:
      ApiId: !Ref Api
      Name: text
      ContentType: application/json
      Schema: {type: object, required: [text], properties: {text: {type: string, maxLength: 5}, "5": {enum: ["5", 5.5, true]}}}
  Other:
    Type: AWS::ApiGatewayV2::Model
    Properties: {ApiId: !Ref Api, Name: other, Schema: '{"type": "array"}'}
"#;

const MODELS_OF_THE_ROUTE: &str = "          ModelSelectionExpression: $request.body.kind
          RequestModels: {a: text, $default: other}";

#[test]
fn a_route_has_the_schemas_of_its_models() {
    let app = load(&template("", MODELS_OF_THE_ROUTE, MODELS));
    assert_eq!(app.ignored, []);
    assert!(!app.apis[0].disable_schema_validation);
    let validation = app.apis[0].routes["talk"].validation.clone().unwrap();
    assert_eq!(validation.model_selection_expression, "$request.body.kind");
    let schema = json!({
        "type": "object", "required": ["text"],
        "properties": {"text": {"type": "string", "maxLength": 5}, "5": {"enum": ["5", 5.5, true]}},
    });
    assert_eq!(validation.models["a"], schema);
    assert_eq!(validation.models["$default"], json!({"type": "array"}));
}

#[test]
fn without_an_expression_nothing_is_validated() {
    let models = "          RequestModels: {a: text}";
    let app = load(&template("      DisableSchemaValidation: true", models, MODELS));
    assert_eq!(app.apis[0].routes["talk"].validation, None);
    assert!(app.apis[0].disable_schema_validation);
}

#[test]
fn mistakes_of_models_are_named_where_they_are() {
    let unknown = errors(&template("", MODELS_OF_THE_ROUTE, ""));
    let expected = "`ApiTalkRoute` (AWS::ApiGatewayV2::Route): `RequestModels` names the model `text`, which the API \
                    does not have";
    assert!(unknown.contains(expected), "{unknown}");
    let broken =
        errors(&template("", MODELS_OF_THE_ROUTE, &MODELS.replace(r#"'{"type": "array"}'"#, "'[]'")));
    assert!(
        broken.contains("`Other` (AWS::ApiGatewayV2::Model): `Schema` must be a JSON schema: a map"),
        "{broken}"
    );
}

#[test]
fn throttles_are_those_of_the_stage_and_of_each_route() {
    let settings = "      DefaultRouteSettings: {ThrottlingRateLimit: '100.5', ThrottlingBurstLimit: 20}
      RouteSettings: {talk: {ThrottlingRateLimit: 1}}";
    let app = load(&template(settings, "", ""));
    let stage = &app.apis[0].stages["default"];
    let throttle = |settings: RouteSettings| settings.throttle;
    assert_eq!(throttle(stage.default_route_settings), Throttle { rate: Some(100.5), burst: Some(20) });
    assert_eq!(throttle(stage.route_settings["talk"]), Throttle { rate: Some(1.0), burst: None });
    let app = load(&template("", "", ""));
    assert_eq!(app.apis[0].stages["default"].default_route_settings, RouteSettings::default());
}

#[test]
fn mistakes_of_throttles_are_named() {
    let check = |settings: &str, expected: &str| {
        let errors = errors(&template(settings, "", ""));
        assert!(errors.contains(expected), "{errors}");
    };
    check(
        "      DefaultRouteSettings: {ThrottlingRateLimit: -1}",
        "`ThrottlingRateLimit` must be a number from 0, not `-1`",
    );
    check(
        "      DefaultRouteSettings: {ThrottlingBurstLimit: 1.5}",
        "`ThrottlingBurstLimit` must be a whole number from 0, not `1.5`",
    );
    check(
        "      RouteSettings: {tlak: {ThrottlingRateLimit: 1}}",
        "`RouteSettings` has the route `tlak`, which the API does not have",
    );
}
