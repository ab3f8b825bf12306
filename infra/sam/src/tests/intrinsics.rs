//! Each function, in the spellings that CloudFormation takes.

use super::{errors, load};

/// A template with something to refer to, and one output.
fn template(expression: &str) -> String {
    format!(
        "
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: {{Type: String, Default: dev}}
  Names: {{Type: CommaDelimitedList, Default: 'a, b,c'}}
Mappings:
  Sizes:
    dev: {{memory: 128, zones: [x, y]}}
    prod: {{memory: 1024}}
Conditions:
  IsProd: !Equals [!Ref Stage, prod]
  IsDev: !Not [!Equals [!Ref Stage, prod]]
  Both: !And [!Condition IsProd, {{Condition: IsDev}}]
  Either: {{Fn::Or: [{{Condition: IsProd}}, !Condition IsDev]}}
Resources:
  Chat:
    Type: AWS::Lambda::Function
    Properties: {{Code: ./chat, Runtime: provided.al2023, Role: !GetAtt Role.Arn}}
  Named:
    Type: AWS::Serverless::Function
    Properties: {{FunctionName: !Sub '${{Stage}}-named', CodeUri: ., AutoPublishAlias: live}}
  Live:
    Type: AWS::Lambda::Alias
    Properties: {{FunctionName: !Ref Chat, FunctionVersion: '1', Name: live}}
  Role: {{Type: AWS::IAM::Role}}
  Topic: {{Type: AWS::SNS::Topic}}
  Queue: {{Type: AWS::SQS::Queue}}
  Pool: {{Type: AWS::Cognito::UserPool}}
  Log: {{Type: AWS::Logs::LogGroup, Properties: {{LogGroupName: /a/b}}}}
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{{AttributeName: id, AttributeType: S}}]
      KeySchema: [{{AttributeName: id, KeyType: HASH}}]
      StreamSpecification: {{StreamViewType: NEW_IMAGE}}
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties: {{ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action}}
  ApiStage:
    Type: AWS::ApiGatewayV2::Stage
    Properties: {{ApiId: !Ref Api, StageName: live}}
Outputs:
  It:
    Value: {expression}
"
    )
}

fn check(expression: &str, expected: &str) {
    let outputs = load(&template(expression)).outputs;
    assert_eq!(outputs.get("It").map(String::as_str), Some(expected), "{expression}");
}

fn check_error(expression: &str, expected: &str) {
    let errors = errors(&template(expression));
    assert!(errors.contains(expected), "{expression}\n  gives: {errors}\n  wants: {expected}");
}

#[test]
fn ref_gives_parameters_and_what_cloudformation_calls_a_resource() {
    check("!Ref Stage", "dev");
    check("{Ref: Stage}", "dev");
    check("!Ref Chat", "switchboard-Chat");
    check("!Ref Named", "dev-named");
    check("!Ref Table", "switchboard-Table");
    check("!Ref Log", "/a/b");
    check("!Ref ApiStage", "live");
    check("!Ref Live", "arn:aws:lambda:us-east-1:123456789012:function:switchboard-Chat:live");
    check("!Ref Named.Alias", "arn:aws:lambda:us-east-1:123456789012:function:dev-named:live");
    check("!Ref Topic", "arn:aws:sns:us-east-1:123456789012:switchboard-Topic");
    check("!Ref Queue", "https://sqs.us-east-1.amazonaws.com/123456789012/switchboard-Queue");
}

#[test]
fn pseudo_parameters_are_the_settings() {
    check("!Ref AWS::Region", "us-east-1");
    check("!Ref AWS::AccountId", "123456789012");
    check("!Ref AWS::StackName", "switchboard");
    check("!Sub '${AWS::Partition} ${AWS::URLSuffix}'", "aws amazonaws.com");
    check_error("!Ref AWS::Regio", "there is no pseudo parameter `AWS::Regio`; did you mean `AWS::Region`?");
}

#[test]
fn get_att_gives_attributes_in_each_spelling() {
    let table = "arn:aws:dynamodb:us-east-1:123456789012:table/switchboard-Table";
    check("!GetAtt Table.Arn", table);
    check("!GetAtt [Table, Arn]", table);
    check("{Fn::GetAtt: [Table, Arn]}", table);
    check("{Fn::GetAtt: Table.Arn}", table);
    check("!GetAtt Table.StreamArn", &format!("{table}/stream/2026-01-01T00:00:00.000"));
    check("!GetAtt Chat.Arn", "arn:aws:lambda:us-east-1:123456789012:function:switchboard-Chat");
    check("!GetAtt Log.Arn", "arn:aws:logs:us-east-1:123456789012:log-group:/a/b:*");
    check("!GetAtt Role.Arn", "arn:aws:iam::123456789012:role/switchboard-Role");
    check("!GetAtt NamedRole.Arn", "arn:aws:iam::123456789012:role/switchboard-NamedRole");
    check("!GetAtt Pool.Arn", "arn:aws:cognito:us-east-1:123456789012:switchboard-Pool");
    check_error(
        "!GetAtt Table.Arm",
        "`Table` (AWS::DynamoDB::Table) has no attribute `Arm`; did you mean `Arn`?",
    );
    check_error("!GetAtt Tabel.Arn", "`Tabel` is neither a parameter nor a resource");
    check_error("!GetAtt ApiStage.Arn", "has no attribute `Arn`; it has none");
    check_error("!GetAtt Stage.Arn", "`Stage` is a parameter and has no attributes");
    check_error("!GetAtt Table", "`!GetAtt` takes a resource and an attribute");
}

#[test]
fn an_api_has_ten_characters_for_an_id() {
    let outputs =
        load(&template("!Join [' ', [!Ref Api, !GetAtt Api.ApiId, !GetAtt Api.ApiEndpoint]]")).outputs;
    let [id, same, endpoint] = outputs["It"].split(' ').collect::<Vec<_>>()[..] else {
        panic!("{outputs:?}")
    };
    assert_eq!(id, same);
    assert_eq!(id.len(), 10);
    assert_eq!(endpoint, format!("wss://{id}.execute-api.us-east-1.amazonaws.com"));
}

#[test]
fn sub_fills_in_names_attributes_and_its_own_variables() {
    check("!Sub 'x-${Stage}-${Table}'", "x-dev-switchboard-Table");
    check("{Fn::Sub: '${Log.Arn}'}", "arn:aws:logs:us-east-1:123456789012:log-group:/a/b:*");
    check("!Sub ['${A}/${Stage}', {A: !Ref AWS::Region}]", "us-east-1/dev");
    check("!Sub '${!Literal} $x'", "${Literal} $x");
    check_error(
        "!Sub '${Stgae}'",
        "`Stgae` is neither a parameter nor a resource of this template; did you mean `Stage`?",
    );
    check_error("!Sub '${Names}'", "`!Sub` puts texts together, not a list");
    check_error("!Sub '${a b}'", "`${a b}` is not a name");
    check_error("!Sub [a]", "`!Sub` takes a text, or a list of a text and a map");
}

#[test]
fn lists_are_joined_split_and_selected_from() {
    check("!Join ['-', [a, !Ref Stage, c]]", "a-dev-c");
    check("!Join ['', !Ref Names]", "abc");
    check("!Join [',', [a, !If [IsProd, b, !Ref AWS::NoValue]]]", "a");
    check("!Select [1, !Ref Names]", "b");
    check("!Select ['0', !Split [':', 'x:y']]", "x");
    check("{Fn::Join: [':', {Fn::Split: ['.', a.b]}]}", "a:b");
    check_error("!Select [3, !Ref Names]", "`!Select` wants item 3 (from 0) of a list of 3");
    check_error("!Join [a]", "`!Join` takes a delimiter and a list of texts");
    check_error("!Split ['', a]", "`!Split` takes a delimiter and a text");
}

#[test]
fn conditions_choose() {
    check("!If [IsProd, a, b]", "b");
    check("!If [IsDev, a, b]", "a");
    check("!If [Both, a, b]", "b");
    check("!If [Either, a, b]", "a");
    check("{Fn::If: [IsProd, a, {Ref: Stage}]}", "dev");
    check_error(
        "!If [IsPord, a, b]",
        "there is no condition `IsPord` under `Conditions`; did you mean `IsProd`?",
    );
    check_error("!If [IsProd, !Ref Stgae, b]", "did you mean `Stage`?");
    check_error("!If [IsProd, a]", "`!If` takes a condition's name and two values");
    check_error("!Equals [a, b]", "`!Equals` gives a condition and not a value");
}

#[test]
fn mappings_are_looked_up() {
    check("!FindInMap [Sizes, !Ref Stage, memory]", "128");
    check("!Select [1, !FindInMap [Sizes, dev, zones]]", "y");
    check_error(
        "!FindInMap [Sices, dev, memory]",
        "there is no `Sices` in `Mappings`; did you mean `Sizes`?",
    );
    check_error(
        "!FindInMap [Sizes, dev, memroy]",
        "there is no `memroy` in the mapping; did you mean `memory`?",
    );
    check_error("!FindInMap [Sizes, dev]", "`!FindInMap` takes a mapping and two keys");
}

#[test]
fn unknown_functions_are_refused_and_known_ones_only_where_they_are_needed() {
    check_error("!Reff Stage", "there is no function `!Reff`; did you mean `!Ref`?");
    check_error("{Fn::Jion: [a, [b]]}", "there is no function `!Jion`; did you mean `!Join`?");
    // An output that cannot be known is left out: nothing needs it here.
    assert!(load(&template("!ImportValue Other")).outputs.is_empty());
    let needed = "
Resources:
  Log: {Type: AWS::Logs::LogGroup, Properties: {RetentionInDays: !ImportValue Days}}
";
    assert_eq!(
        errors(needed),
        "template.yaml:3:66: `Log` (AWS::Logs::LogGroup): `RetentionInDays` cannot be known: `!ImportValue` reads \
         another stack's output, which there is none of locally"
    );
}
