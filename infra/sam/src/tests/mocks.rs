//! `IntegrationType: MOCK`: what is read, and what is refused by name.

use super::load;
use crate::app::{MappingTemplate, Mock, Target, TemplatePart};

/// An API whose `$default` route is a mock. The arguments are lines of the integration, and of
/// integration responses.
fn target(integration: &str, responses: &[&str]) -> Target {
    let mut text = format!(
        "
Resources:
  Api:
    Type: AWS::ApiGatewayV2::Api
    Properties: {{ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.action}}
  Route:
    Type: AWS::ApiGatewayV2::Route
    Properties: {{ApiId: !Ref Api, RouteKey: $default, Target: !Sub 'integrations/${{Integration}}'}}
  Integration:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Api
      IntegrationType: MOCK
{integration}
"
    );
    for (index, response) in responses.iter().enumerate() {
        text.push_str(&format!(
            "  Response{index}:
    Type: AWS::ApiGatewayV2::IntegrationResponse
    Properties: {{ApiId: !Ref Api, IntegrationId: !Ref Integration, {response}}}
"
        ));
    }
    let app = load(&text);
    assert_eq!(app.ignored, []);
    app.apis[0].routes["$default"].integration.as_ref().unwrap().target.clone()
}

fn mock(integration: &str, responses: &[&str]) -> Mock {
    match target(integration, responses) {
        Target::Mock(mock) => mock,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn check_refused(integration: &str, responses: &[&str], expected: &str) {
    match target(integration, responses) {
        Target::Unsupported(reason) => assert_eq!(reason, expected),
        other => panic!("{other:?}"),
    }
}

fn text(text: &str) -> MappingTemplate {
    MappingTemplate(vec![TemplatePart::Text(text.to_owned())])
}

#[test]
fn templates_are_read_with_what_selects_them() {
    let read = mock(
        r#"      TemplateSelectionExpression: '200'
      RequestTemplates: {'200': '{"statusCode":200}'}"#,
        &[],
    );
    assert_eq!(read.template_selection_expression, "200");
    assert_eq!(read.request_templates["200"], text(r#"{"statusCode":200}"#));
    assert!(read.passes_through);
    assert_eq!(read.responses, []);
    assert_eq!(mock("", &[]).template_selection_expression, "$default");
}

#[test]
fn what_passes_through_depends_on_the_templates() {
    let passes = |behavior: &str| mock(&format!("      PassthroughBehavior: {behavior}"), &[]).passes_through;
    assert_eq!(["NEVER", "WHEN_NO_MATCH", "WHEN_NO_TEMPLATES"].map(passes), [false, true, true]);
    let lines = "      PassthroughBehavior: WHEN_NO_TEMPLATES\n      RequestTemplates: {a: b}";
    assert!(!mock(lines, &[]).passes_through);
}

#[test]
fn responses_have_their_statuses_and_default_comes_last() {
    let read = mock(
        "",
        &[
            r"IntegrationResponseKey: $default, ResponseTemplates: {$default: rest}",
            r"IntegrationResponseKey: '/2\d\d/', TemplateSelectionExpression: \$default, ResponseTemplates: {$default: fine}",
            r"IntegrationResponseKey: /404/, TemplateSelectionExpression: x, ResponseTemplates: {x: none, $default: y}",
            "IntegrationResponseKey: /500/",
        ],
    );
    let templates: Vec<_> = read.responses.iter().map(|response| response.template.clone()).collect();
    assert_eq!(templates, [Some(text("fine")), Some(text("none")), None, Some(text("rest"))]);
    let counts: Vec<_> = read.responses.iter().map(|response| response.statuses.len()).collect();
    assert_eq!(counts, [100, 1, 1, 400]);
    assert!(read.responses[1].statuses.contains(&404));
}

#[test]
fn what_a_mock_cannot_do_here_says_why() {
    check_refused(
        "      RequestTemplates: {$default: '#set($x = 1)'}",
        &[],
        "a MOCK integration: `#set($x` in a mapping template is not run locally",
    );
    check_refused(
        "      RequestParameters: {a: b}",
        &[],
        "a MOCK integration: `RequestParameters` is not run locally",
    );
    let default = "IntegrationResponseKey: $default";
    check_refused(
        "",
        &[&format!("{default}, ResponseTemplates: {{$default: $input.body}}")],
        "a MOCK integration: what `$input` is in a response template is not known",
    );
    check_refused(
        "",
        &[&format!("{default}, TemplateSelectionExpression: $integration.response.body.x")],
        "a MOCK integration: an integration response is answered locally with one template, and \
         `$integration.response.body.x` selects any",
    );
    check_refused(
        "",
        &["IntegrationResponseKey: '200'"],
        "a MOCK integration: the IntegrationResponseKey `200` is neither $default nor a /pattern/",
    );
    check_refused(
        "",
        &[&format!("{default}, ResponseParameters: {{a: b}}")],
        "a MOCK integration: `ResponseParameters` is not run locally",
    );
}
