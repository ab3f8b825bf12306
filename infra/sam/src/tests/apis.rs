//! WebSocket APIs in each way that templates declare them.

use std::time::Duration;

use super::{errors, load};
use crate::app::{Integration, Route, Target};

/// The route of the only API.
fn route(text: &str, key: &str) -> Route {
    load(text).apis[0].routes[key].clone()
}

fn check_target(text: &str, key: &str, expected: &str) {
    match route(text, key).integration {
        Some(Integration { target: Target::Unsupported(reason), .. }) => assert_eq!(reason, expected),
        other => panic!("{other:?}"),
    }
}

pub(super) const PLAIN: &str = "
Transform: AWS::Serverless-2016-10-31
Resources:
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties: {Name: chat, ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action}
  ConnectRoute:
    Type: AWS::ApiGatewayV2::Route
    Properties: {ApiId: !Ref Api, RouteKey: $connect, Target: !Sub 'integrations/${ConnectIntegration}'}
  ConnectIntegration:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Api
      IntegrationType: AWS_PROXY
      IntegrationUri: !Sub arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Connect.Arn}/invocations
  SendRoute:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref Api
      RouteKey: sendMessage
      RouteResponseSelectionExpression: $default
      Target: !Join ['/', [integrations, !Ref SendIntegration]]
  SendIntegration:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Api
      IntegrationType: AWS_PROXY
      IntegrationMethod: POST
      TimeoutInMillis: 5000
      IntegrationUri: !Sub arn:aws:apigateway:${AWS::Region}:lambda:path/2015-03-31/functions/${Send.Arn}:live/invocations
  SendResponse:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties: {ApiId: !Ref Api, RouteId: !Ref SendRoute, RouteResponseKey: $default}
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties:
      ApiId: !Ref Api
      StageName: prod
      AutoDeploy: true
      StageVariables: {table: one}
      AccessLogSettings: {DestinationArn: !GetAtt Log.Arn, Format: $context.requestId}
  Log: {Type: AWS::Logs::LogGroup}
  Connect: {Type: AWS::Serverless::Function, Properties: {InlineCode: '', Runtime: nodejs22.x}}
  Send: {Type: AWS::Serverless::Function, Properties: {InlineCode: '', Runtime: nodejs22.x}}
";

pub(super) const SAM: &str = "
Transform: AWS::Serverless-2016-10-31
Globals:
  WebSocketApi:
    AccessLogSettings: {Format: $context.requestId}
Resources:
  Api:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      Name: chat
      RouteSelectionExpression: $request.body.action
      StageName: prod
      StageVariables: {table: one}
      AccessLogSettings: {DestinationArn: !GetAtt Log.Arn}
      Routes:
        $connect: {FunctionArn: !GetAtt Connect.Arn}
        sendMessage:
          FunctionArn: !Sub '${Send.Arn}:live'
          IntegrationTimeout: 5000
          RouteResponseSelectionExpression: $default
  SendResponse:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties: {ApiId: !Ref Api, RouteId: !Ref ApiSendmessageRoute, RouteResponseKey: $default}
  Log: {Type: AWS::Logs::LogGroup}
  Connect: {Type: AWS::Serverless::Function, Properties: {InlineCode: '', Runtime: nodejs22.x}}
  Send: {Type: AWS::Serverless::Function, Properties: {InlineCode: '', Runtime: nodejs22.x}}
Outputs:
  Stage: {Value: !Ref Api.Stage}
  SameStage: {Value: !Ref ApiprodStage}
";

#[test]
fn sam_and_plain_resources_give_the_same_application() {
    let (plain, mut sam) = (load(PLAIN), load(SAM));
    assert_eq!(sam.outputs["Stage"], "prod");
    assert_eq!(sam.outputs["SameStage"], "prod");
    sam.outputs.clear();
    assert_eq!(plain, sam);
}

#[test]
fn routes_have_their_functions_times_and_directions() {
    let send = route(PLAIN, "sendMessage");
    assert!(send.two_way);
    let expected =
        Integration { target: Target::Function("Send".to_owned()), timeout: Duration::from_secs(5) };
    assert_eq!(send.integration, Some(expected));
    let connect = route(PLAIN, "$connect");
    assert!(!connect.two_way);
    assert_eq!(connect.integration.unwrap().timeout, Duration::from_secs(29));
    // Either half alone makes a one-way route.
    assert!(!route(&PLAIN.replace("RouteResponseSelectionExpression: $default", ""), "sendMessage").two_way);
    assert!(
        !route(&PLAIN.replace("RouteResponseKey: $default", "RouteResponseKey: other"), "sendMessage")
            .two_way
    );
}

/// `!Sub` leaves `${!stageVariables.f}` to API Gateway.
#[test]
fn a_stages_variables_name_the_function() {
    let text = PLAIN
        .replace("${Send.Arn}:live", "arn:aws:lambda:eu-west-1:123456789012:function:${!stageVariables.send}")
        .replace("{table: one}", "{send: switchboard-Send}")
        + "  Test:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {ApiId: !Ref Api, StageName: test, AutoDeploy: true, StageVariables: {send: 'other:live'}}
";
    let target = route(&text, "sendMessage").integration.unwrap().target;
    assert_eq!(*target.in_stage("prod"), Target::Function("Send".to_owned()));
    let reason = "the function `other` is not part of this template";
    assert_eq!(*target.in_stage("test"), Target::Unsupported(reason.to_owned()));
}

#[test]
fn a_stage_has_its_variables_and_its_access_log() {
    let api = load(PLAIN).apis.remove(0);
    let stage = &api.stages["prod"];
    assert_eq!(stage.variables["table"], "one");
    let log = stage.access_log.as_ref().unwrap();
    assert_eq!((log.group.as_str(), log.format.as_str()), ("switchboard-Log", "$context.requestId"));
}

/// The shape of AWS's own chat sample: a deployment that waits for the routes, one stage that names it.
#[test]
fn a_deployment_and_its_stage_are_read() {
    let text = PLAIN.replace("      AutoDeploy: true\n", "      DeploymentId: !Ref Deployment\n")
        + "  Deployment:
    Type: AWS::ApiGatewayV2::Deployment
    DependsOn: [ConnectRoute, SendRoute]
    Properties: {ApiId: !Ref Api}
  Permission:
    Type: AWS::Lambda::Permission
    DependsOn: [Api]
    Properties: {Action: lambda:InvokeFunction, FunctionName: !Ref Send, Principal: apigateway.amazonaws.com}
Outputs:
  Uri: {Value: !Join ['', ['wss://', !Ref Api, '.execute-api.', !Ref AWS::Region, '.amazonaws.com/', !Ref Stage]]}
";
    let app = load(&text);
    assert_eq!(app.ignored, []);
    assert_eq!(app.apis[0].stages.keys().collect::<Vec<_>>(), ["prod"]);
    assert!(app.outputs["Uri"].ends_with(".execute-api.us-east-1.amazonaws.com/prod"));
}

/// A role, a permission, a version: SAM's own types bring resources that no template declares.
#[test]
fn resources_that_sam_generates_can_be_referred_to() {
    let text =
        SAM.to_owned() + "  Role: {Value: !GetAtt SendRole.Arn}\n  Other: {Value: !Ref SendUrlPermissions}\n";
    let app = load(&text);
    assert_eq!(app.outputs["Role"], "arn:aws:iam::123456789012:role/switchboard-SendRole");
    assert_eq!(app.outputs["Other"], "switchboard-SendUrlPermissions");
    let misspelled = errors(&(SAM.to_owned() + "  Role: {Value: !GetAtt SendRoel.Arn}\n"));
    assert!(misspelled.contains("did you mean `SendRole`?"), "{misspelled}");
}

#[test]
fn what_cannot_be_called_says_why() {
    check_target(
        &PLAIN.replace(
            "IntegrationType: AWS_PROXY\n      IntegrationMethod",
            "IntegrationType: HTTP\n      IntegrationMethod",
        ),
        "sendMessage",
        "an integration of type HTTP is not run locally, only AWS_PROXY and MOCK are",
    );
    check_target(
        &PLAIN.replace("IntegrationMethod: POST", "IntegrationMethod: GET"),
        "sendMessage",
        "Lambda is invoked with the method POST, and not GET",
    );
    check_target(
        &PLAIN.replace("${Send.Arn}:live", "arn:aws:lambda:us-east-1:1:function:other"),
        "sendMessage",
        "the function `other` is not part of this template",
    );
}

#[test]
fn mistakes_of_an_api_are_named_where_they_are() {
    let check = |from: &str, to: &str, expected: &str| {
        assert!(PLAIN.contains(from), "{from}");
        let errors = errors(&PLAIN.replace(from, to));
        assert_eq!(errors, expected);
    };
    check(
        ", RouteSelectionExpression: $request.body.action",
        "",
        "template.yaml:4:3: `Api` (AWS::ApiGatewayV2::Api) must have `RouteSelectionExpression`, which is missing",
    );
    check(
        "ProtocolType: WEBSOCKET",
        "ProtocolType: WEBSOCKETS",
        "template.yaml:6:44: `Api` (AWS::ApiGatewayV2::Api): `ProtocolType` must be one of HTTP, WEBSOCKET, not \
         `WEBSOCKETS`",
    );
    check(
        "RouteKey: sendMessage",
        "RouteKey: $connect",
        "template.yaml:16:3: `SendRoute` (AWS::ApiGatewayV2::Route): the API has another route with the key `$connect`",
    );
    check(
        "[integrations, !Ref SendIntegration]",
        "[integration, !Ref SendIntegration]",
        &format!(
            "template.yaml:22:15: `SendRoute` (AWS::ApiGatewayV2::Route): `Target` must be `integrations/` and the id \
             of one of the API's integrations, as `!Sub integrations/${{Integration}}` gives it, not `integration/{}`",
            crate::identity::stable_id(&["switchboard", "SendIntegration"], 7)
        ),
    );
    check(
        "TimeoutInMillis: 5000",
        "TimeoutInMillis: 30000",
        "template.yaml:29:24: `SendIntegration` (AWS::ApiGatewayV2::Integration): `TimeoutInMillis` must be a whole \
         number from 50 to 29000, not `30000`",
    );
    check(
        "StageName: prod",
        "StageName: $default",
        "template.yaml:38:18: `Stage` (AWS::ApiGatewayV2::Stage): a WebSocket API has no `$default` stage; give the \
         stage a name",
    );
    check(
        "Format: $context.requestId",
        "Format: \"$context.requestId\\n$context.status\"",
        "template.yaml:41:68: `Stage` (AWS::ApiGatewayV2::Stage): Access Log format must be single line",
    );
    check(
        "Format: $context.requestId",
        "Format: $context.status",
        "template.yaml:41:68: `Stage` (AWS::ApiGatewayV2::Stage): Access Log format must include \
         either $context.requestId or $context.extendedRequestId.",
    );
}

#[test]
fn mistakes_of_a_websocket_api_of_sam_are_named_where_they_are() {
    let check = |from: &str, to: &str, expected: &str| {
        assert!(SAM.contains(from), "{from}");
        let errors = errors(&SAM.replace(from, to));
        assert!(errors.lines().any(|line| line == expected), "{errors}");
    };
    check(
        "$connect: {FunctionArn: !GetAtt Connect.Arn}",
        "$connect: {FunctonArn: !GetAtt Connect.Arn}",
        "template.yaml:16:20: the route `$connect` of `Api` has no `FunctonArn`; did you mean `FunctionArn`?",
    );
    check(
        "sendMessage:",
        "send-message:",
        "template.yaml:17:9: the route `send-message` of `Api` needs a key of letters and digits only: SAM makes \
         logical ids of it",
    );
    check(
        "!Ref ApiSendmessageRoute",
        "!Ref ApiSendMessageRoute",
        "template.yaml:23:44: `ApiSendMessageRoute` is neither a parameter nor a resource of this template; did you \
         mean `ApiSendmessageRoute`?",
    );
}

#[test]
fn what_is_not_run_is_ignored_by_name() {
    let text = "
Transform: AWS::Serverless-2016-10-31
Resources:
  Http: {Type: AWS::ApiGatewayV2::Api, Properties: {ProtocolType: HTTP, Name: x}}
  HttpStage: {Type: AWS::ApiGatewayV2::Stage, Properties: {ApiId: !Ref Http, StageName: $default}}
  Bucket: {Type: AWS::S3::Bucket, Properties: {VpcId: !ImportValue Other}}
  Role: {Type: AWS::IAM::Role}
  Worker:
    Type: AWS::Serverless::Function
    Properties:
      InlineCode: ''
      Runtime: nodejs22.x
      Events:
        Tick: {Type: S3, Properties: {Events: s3:ObjectCreated:*}}
";
    let app = load(text);
    assert_eq!(app.apis, []);
    let ignored: Vec<_> =
        app.ignored.iter().map(|i| format!("{}:{} {}", i.line, i.logical_id, i.resource_type)).collect();
    insta::assert_snapshot!(ignored.join("\n"), @r"
    4:Http AWS::ApiGatewayV2::Api
    5:HttpStage AWS::ApiGatewayV2::Stage
    6:Bucket AWS::S3::Bucket
    14:WorkerTick S3 event
    ");
}
