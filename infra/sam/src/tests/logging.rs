//! What is logged and measured.

use super::{errors, load};
use crate::app::{LogFormat, LogLevel, LoggingLevel, RouteSettings, Throttle};

/// A stage with these settings of an API with the route `talk`.
fn stage(settings: &str) -> String {
    format!(
        "
Transform: AWS::Serverless-2016-10-31
Resources:
  Api:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      RouteSelectionExpression: $request.body.action
      Routes: {{talk: {{FunctionArn: !GetAtt Talk.Arn}}}}
{settings}
  Talk: {{Type: AWS::Serverless::Function, Properties: {{InlineCode: '', Runtime: nodejs22.x}}}}
"
    )
}

/// A function with this `LoggingConfig`.
fn function(logging: &str) -> String {
    format!(
        "
Transform: AWS::Serverless-2016-10-31
Resources:
  Talk:
    Type: AWS::Serverless::Function
    Properties: {{InlineCode: '', Runtime: nodejs22.x, LoggingConfig: {logging}}}
"
    )
}

#[test]
fn logging_and_metrics_are_those_of_the_stage_and_of_each_route() {
    let app = load(&stage(
        "      DefaultRouteSettings: {LoggingLevel: ERROR, DataTraceEnabled: false, DetailedMetricsEnabled: 'true'}
      RouteSettings: {talk: {LoggingLevel: INFO, DataTraceEnabled: true}}",
    ));
    let stage = &app.apis[0].stages["default"];
    let default = RouteSettings {
        throttle: Throttle::default(),
        logging_level: Some(LoggingLevel::Error),
        data_trace_enabled: Some(false),
        detailed_metrics_enabled: Some(true),
    };
    assert_eq!(stage.default_route_settings, default);
    let talk = RouteSettings {
        logging_level: Some(LoggingLevel::Info),
        data_trace_enabled: Some(true),
        ..RouteSettings::default()
    };
    assert_eq!(stage.route_settings["talk"], talk);
}

#[test]
fn mistakes_of_logging_are_named() {
    let errors_of_stage = errors(&stage("      DefaultRouteSettings: {LoggingLevel: WARN}"));
    let expected = "`LoggingLevel` must be one of ERROR, INFO, OFF, not `WARN`";
    assert!(errors_of_stage.contains(expected), "{errors_of_stage}");
    let levels = errors(&function("{LogFormat: JSON, ApplicationLogLevel: info, SystemLogLevel: ERROR}"));
    for expected in [
        "`ApplicationLogLevel` must be one of TRACE, DEBUG, INFO, WARN, ERROR, FATAL, not `info`",
        "`SystemLogLevel` must be one of DEBUG, INFO, WARN, not `ERROR`",
    ] {
        assert!(levels.contains(expected), "{levels}");
    }
}

#[test]
fn a_functions_levels_come_with_json_only() {
    let check = |logging: &str, expected: LogFormat| {
        assert_eq!(load(&function(logging)).functions["Talk"].log_format, expected, "{logging}");
    };
    let json = |application, system| LogFormat::Json { application, system };
    check("{LogFormat: JSON}", json(LogLevel::Info, LogLevel::Info));
    check(
        "{LogFormat: JSON, ApplicationLogLevel: FATAL, SystemLogLevel: DEBUG}",
        json(LogLevel::Fatal, LogLevel::Debug),
    );
    check("{LogFormat: Text, ApplicationLogLevel: ERROR}", LogFormat::Text);
    check("{LogGroup: /talk}", LogFormat::Text);
}
