//! Authorizers, API keys, and what guards an API.

use super::apis::{PLAIN, SAM};
use super::{errors, load};
use crate::app::{ApiKeySource, Authorization, Authorizer, IdentitySource, Target};

/// What `PLAIN` has under `Resources`, with an authorizer on `$connect`.
fn guarded(authorizer: &str) -> String {
    let route = "RouteKey: $connect, AuthorizationType: CUSTOM, AuthorizerId: !Ref Authorizer";
    let authorizer =
        format!("  Authorizer:\n    Type: AWS::ApiGatewayV2::Authorizer\n{authorizer}  Stage:\n");
    PLAIN.replace("RouteKey: $connect", route).replacen("  Stage:\n", &authorizer, 1)
}

const AUTHORIZER: &str = "
    Properties:
      ApiId: !Ref Api
      Name: tokens
      AuthorizerType: REQUEST
      AuthorizerUri: !Sub arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Send.Arn}/invocations
      IdentitySource: [route.request.querystring.token, stageVariables.table]
";

/// `SAM` with `Auth`.
fn with_auth(text: &str, auth: &str) -> String {
    let stage = "      StageName: prod\n";
    text.replace(stage, &format!("{stage}      Auth: {auth}\n"))
}

fn expected() -> Authorization {
    Authorization::Custom(Authorizer {
        name: "tokens".to_owned(),
        target: Target::Function("Send".to_owned()),
        identity_sources: vec![
            IdentitySource::QueryString("token".to_owned()),
            IdentitySource::StageVariable("table".to_owned()),
        ],
    })
}

fn of_connect(text: &str) -> Authorization {
    load(text).apis[0].routes["$connect"].authorization.clone()
}

#[test]
fn connect_has_its_authorizer_in_plain_resources_and_in_sams() {
    let app = load(&guarded(AUTHORIZER));
    assert_eq!(app.ignored, []);
    assert_eq!(app.apis[0].routes["$connect"].authorization, expected());
    assert_eq!(app.apis[0].routes["sendMessage"].authorization, Authorization::Open);
    let auth = "{AuthType: CUSTOM, AuthArn: !GetAtt Send.Arn, Name: tokens, \
                IdentitySource: [route.request.querystring.token, stageVariables.table]}";
    assert_eq!(of_connect(&with_auth(SAM, auth)), expected());
}

#[test]
fn sams_names_can_be_referred_to() {
    let text = with_auth(SAM, "{AuthType: CUSTOM, AuthArn: !GetAtt Send.Arn}")
        + "  Id: {Value: !Ref ApiConnectAuthorizer}\n  May: {Value: !Ref ApiAuthorizerPermission}\n";
    let app = load(&text);
    assert!(app.outputs.contains_key("Id") && app.outputs.contains_key("May"));
    let Authorization::Custom(authorizer) = &app.apis[0].routes["$connect"].authorization else {
        panic!("an authorizer")
    };
    assert_eq!(authorizer.name, "ApiConnectAuthorizer");
    assert_eq!(authorizer.identity_sources, []);
}

#[test]
fn iam_and_open_are_said_or_nothing_is_said() {
    let with = |kind: &str| PLAIN.replace("RouteKey: $connect", &format!("RouteKey: $connect{kind}"));
    assert_eq!(of_connect(PLAIN), Authorization::Open);
    assert_eq!(of_connect(&with(", AuthorizationType: NONE")), Authorization::Open);
    assert_eq!(of_connect(&with(", AuthorizationType: AWS_IAM")), Authorization::Iam);
    assert_eq!(of_connect(&with_auth(SAM, "{AuthType: AWS_IAM}")), Authorization::Iam);
    assert_eq!(of_connect(&with_auth(SAM, "{AuthType: NONE}")), Authorization::Open);
}

/// The only error of a template.
#[track_caller]
fn check(text: &str, expected: &str) {
    assert_eq!(errors(text), expected);
}

#[test]
fn what_http_apis_have_is_refused_in_aws_words() {
    for name in [
        "AuthorizerResultTtlInSeconds: 300",
        "AuthorizerPayloadFormatVersion: '2.0'",
        "EnableSimpleResponses: true",
        "JwtConfiguration: {Issuer: x}",
    ] {
        let found =
            errors(&guarded(&AUTHORIZER.replace("Name: tokens", &format!("Name: tokens\n      {name}"))));
        let (name, value) = name.split_once(": ").unwrap();
        let expected = format!(
            "`Authorizer` (AWS::ApiGatewayV2::Authorizer): {name} cannot be set for WEBSOCKET protocol Apis."
        );
        assert_eq!(found, format!("template.yaml:40:{}: {expected}", name.len() + 9), "{value}");
    }
    let found = errors(&guarded(&AUTHORIZER.replace("REQUEST", "JWT")));
    assert!(
        found.contains("Only REQUEST authorizer type is supported on WEBSOCKET protocol Apis."),
        "{found}"
    );
    let found = errors(&PLAIN.replace("RouteKey: $connect", "RouteKey: $connect, AuthorizationType: JWT"));
    assert!(
        found.ends_with("JWT is an authorization of HTTP APIs; a WebSocket API has NONE, AWS_IAM or CUSTOM")
    );
}

#[test]
fn a_mistake_never_opens_a_route() {
    let route = |change: &str| PLAIN.replace("RouteKey: $connect", &format!("RouteKey: $connect, {change}"));
    check(
        &route("AuthorizationType: CUSTOM"),
        "template.yaml:7:3: `ConnectRoute` (AWS::ApiGatewayV2::Route) must have `AuthorizerId`, which is missing",
    );
    let found = errors(&route("AuthorizationType: CUSTOM, AuthorizerId: abc"));
    assert!(found.ends_with("must be the id of one of the API's authorizers, not `abc`"), "{found}");
    let found = errors(&route("AuthorizerId: abc"));
    assert!(found.contains("its `AuthorizationType` is NONE"), "{found}");
    let found = errors(
        &PLAIN.replace("RouteKey: sendMessage", "RouteKey: sendMessage\n      AuthorizationType: AWS_IAM"),
    );
    assert!(found.contains("`AuthorizationType` stands on the `$connect` route"), "{found}");
    let found = errors(&guarded(&AUTHORIZER.replace("route.request.querystring.token", "$request.header.X")));
    assert!(found.contains("or stageVariables.NAME, not `$request.header.X`"), "{found}");
}

#[test]
fn auth_of_a_websocket_api_of_sam_is_checked() {
    let check = |text: &str, auth: &str, expected: &str| {
        let found = errors(&with_auth(text, auth));
        assert!(found.contains(expected), "{found}");
    };
    let arn = "{AuthArn: !GetAtt Connect.Arn}";
    check(SAM, arn, "`Auth` of `Api` (AWS::Serverless::WebSocketApi) must have `AuthType`, which is missing");
    check(SAM, "{AuthType: NONE, AuthArn: x}", "is of type NONE and has settings of an authorizer beside it");
    check(
        SAM,
        "{AuthType: AWS_IAM, Name: x}",
        "is of type AWS_IAM and has settings of an authorizer beside it",
    );
    check(SAM, "{AuthType: CUSTOM}", "is of type CUSTOM and has no `AuthArn`");
    check(SAM, "{AuthTyp: AWS_IAM}", "has no `AuthTyp`; did you mean `AuthType`?");
    let no_connect = SAM.replace("        $connect: {FunctionArn: !GetAtt Connect.Arn}\n", "");
    check(&no_connect, "{AuthType: AWS_IAM}", "needs a `$connect` route");
}

#[test]
fn an_authorizer_whose_function_is_elsewhere_says_so() {
    let text = guarded(&AUTHORIZER.replace("${Send.Arn}", "arn:aws:lambda:us-east-1:1:function:other"));
    let Authorization::Custom(authorizer) = of_connect(&text) else { panic!("an authorizer") };
    let reason = "the function `other` is not part of this template".to_owned();
    assert_eq!(authorizer.target, Target::Unsupported(reason));
}

const KEYS: &str = "
  Key: {Type: AWS::ApiGateway::ApiKey, Properties: {Enabled: true, Value: abcdefghijklmnopqrst}}
  Off: {Type: AWS::ApiGateway::ApiKey, Properties: {Value: uvwxyzabcdefghijklmn}}
  Stray: {Type: AWS::ApiGateway::ApiKey, Properties: {Enabled: true}}
  Plan: {Type: AWS::ApiGateway::UsagePlan, Properties: {ApiStages: [{ApiId: !Ref Api, Stage: !Ref Stage}]}}
  KeyOfPlan:
    Type: AWS::ApiGateway::UsagePlanKey
    Properties: {KeyId: !Ref Key, KeyType: API_KEY, UsagePlanId: !Ref Plan}
  OffOfPlan:
    Type: AWS::ApiGateway::UsagePlanKey
    Properties: {KeyId: !Ref Off, KeyType: API_KEY, UsagePlanId: !Ref Plan}
";

#[test]
fn a_stage_takes_the_enabled_keys_of_its_usage_plans() {
    let app = load(&(PLAIN.to_owned() + KEYS));
    let keys = &app.apis[0].stages["prod"].api_keys;
    let values: Vec<_> = keys.iter().map(|key| key.value.as_str()).collect();
    assert_eq!(values, ["abcdefghijklmnopqrst"]);
    let ignored: Vec<_> = app.ignored.iter().map(|ignored| ignored.logical_id.as_str()).collect();
    assert_eq!(ignored, ["Stray"]);
    let other = KEYS.replace("Stage: !Ref Stage", "Stage: other");
    assert_eq!(load(&(PLAIN.to_owned() + &other)).apis[0].stages["prod"].api_keys, []);
}

#[test]
fn a_key_without_a_value_has_the_same_one_at_every_start() {
    let text = PLAIN.to_owned() + &KEYS.replace("Value: abcdefghijklmnopqrst", "Name: x");
    let value = load(&text).apis[0].stages["prod"].api_keys[0].value.clone();
    assert_eq!(value.len(), 40);
    assert_eq!(load(&text).apis[0].stages["prod"].api_keys[0].value, value);
}

#[test]
fn any_route_can_ask_for_an_api_key() {
    let needs = |key: &str| {
        PLAIN.replace(&format!("RouteKey: {key}"), &format!("ApiKeyRequired: true\n      RouteKey: {key}"))
    };
    let connect = PLAIN.replace("RouteKey: $connect", "RouteKey: $connect, ApiKeyRequired: true");
    assert!(load(&connect).apis[0].routes["$connect"].api_key_required);
    let api = load(&needs("sendMessage")).apis[0].clone();
    assert!(api.routes["sendMessage"].api_key_required && !api.routes["$connect"].api_key_required);
    assert_eq!(api.routes["sendMessage"].integration, load(PLAIN).apis[0].routes["sendMessage"].integration);
}

#[test]
fn an_api_says_where_its_keys_are_and_whether_its_default_endpoint_answers() {
    let with =
        |more: &str| PLAIN.replace("ProtocolType: WEBSOCKET", &format!("ProtocolType: WEBSOCKET, {more}"));
    let api = |text: &str| load(text).apis[0].clone();
    assert_eq!(api(PLAIN).api_key_source, ApiKeySource::Header);
    assert!(!api(PLAIN).disable_execute_api_endpoint);
    let text = with("ApiKeySelectionExpression: $context.authorizer.usageIdentifierKey");
    assert_eq!(api(&text).api_key_source, ApiKeySource::Authorizer);
    assert_eq!(
        api(&with("ApiKeySelectionExpression: '${request.header.x-api-key}'")).api_key_source,
        ApiKeySource::Header
    );
    assert!(api(&with("DisableExecuteApiEndpoint: true")).disable_execute_api_endpoint);
    let found = errors(&with("ApiKeySelectionExpression: $request.querystring.key"));
    assert!(found.contains("must be $request.header.x-api-key or $context"), "{found}");
}
