//! The execution log at its levels.

use futures_util::{SinkExt, StreamExt};
use sam::app::{ApiKeySource, IdentitySource, LoggingLevel, RouteSettings, WebSocketApi};
use tokio_tungstenite::tungstenite::Message;

use super::authorizers::{guarded, keyed};
use super::support::{Server, api, play};
use crate::gateway::{Quotas, is_execution_failure};

const GROUP: &str = "/aws/apigateway/a1b2c3d4e5/prod";

fn with_settings(routes: &str, settings: RouteSettings) -> WebSocketApi {
    let mut api = api(routes);
    api.stages.get_mut("prod").unwrap().default_route_settings = settings;
    api
}

fn level(level: LoggingLevel) -> RouteSettings {
    RouteSettings { logging_level: Some(level), ..RouteSettings::default() }
}

/// The lines of a stopped gateway. Ids are `<r>` for requests, `<c>` for connections, `<l>` for
/// Lambda's requests.
async fn lines(server: Server) -> Vec<String> {
    let logs = server.logs.clone();
    server.stop().await;
    let mut lines = Vec::new();
    for event in logs.events(GROUP) {
        let line = event.message;
        let (id, text) = line.split_once(") ").unwrap();
        let id = id.trim_start_matches('(');
        assert_eq!(id.len(), 16, "every line starts with its request: {line}");
        lines.push(replace_ids(&text.replace(id, "<r>")));
    }
    lines
}

fn replace_ids(text: &str) -> String {
    let words = text.split_inclusive([' ', ']', '.', ',', '}', '"']).map(|word| {
        let id = word.trim_end_matches([' ', ']', '.', ',', '}', '"']);
        let is_uuid = |id: &str| uuid::Uuid::parse_str(id).is_ok();
        let bare = id.trim_start_matches("x-amzn-RequestId=");
        if is_uuid(bare) {
            word.replace(bare, "<l>")
        } else if id.len() == 20 && id.ends_with("==") {
            word.replace(id, "<c>")
        } else {
            word.to_owned()
        }
    });
    words.collect()
}

#[tokio::test]
async fn info_has_every_step_of_every_event() {
    let api = with_settings("$connect ok\n$disconnect ok\necho echo ->", level(LoggingLevel::Info));
    let server = Server::with(vec![api]).await;
    let mut client = server.connect_with("/prod", &[("User-Agent", "ws/8")]).await.0;
    play(&mut client, "> {\"action\":\"echo\"}\n< {\"action\":\"echo\"}\n>! 1000 done\n<! 1000 done").await;
    insta::assert_snapshot!(lines(server).await.join("\n"), @r"
    Extended Request Id: <r>
    Verifying Usage Plan for request: <r>. API Key:  API Stage: a1b2c3d4e5/prod
    API Key  authorized because route '$connect' does not require API Key. Request will not contribute to throttle or quota limits
    Usage Plan check succeeded for API Key  and API Stage a1b2c3d4e5/prod
    Starting execution for request: <r>
    WebSocket Request Route: [$connect]
    Client [UserAgent: ws/8, SourceIp: 127.0.0.1] is connecting to WebSocket API [a1b2c3d4e5].
    AWS Integration Endpoint RequestId : <l>
    Client [Connection Id: <c>] connected to API [a1b2c3d4e5] successfully.
    Extended Request Id: <r>
    Verifying Usage Plan for request: <r>. API Key:  API Stage: a1b2c3d4e5/prod
    API Key  authorized because route 'echo' does not require API Key. Request will not contribute to throttle or quota limits
    Usage Plan check succeeded for API Key  and API Stage a1b2c3d4e5/prod
    Starting execution for request: <r>
    WebSocket Request Route: [echo]
    WebSocket API [a1b2c3d4e5] received message from client [Connection Id: <c>].
    AWS Integration Endpoint RequestId : <l>
    Message from client [Connection Id: <c>] sent to API [a1b2c3d4e5] with response status code [200].
    Extended Request Id: <r>
    Verifying Usage Plan for request: <r>. API Key:  API Stage: a1b2c3d4e5/prod
    API Key  authorized because route '$disconnect' does not require API Key. Request will not contribute to throttle or quota limits
    Usage Plan check succeeded for API Key  and API Stage a1b2c3d4e5/prod
    Starting execution for request: <r>
    WebSocket Request Route: [$disconnect]
    AWS Integration Endpoint RequestId : <l>
    Client [Connection Id: <c>] disconnected from API [a1b2c3d4e5] with integration response status code [200]. Close reason: [1000: done]
    ");
}

#[tokio::test]
async fn error_has_what_failed_and_why() {
    let api = with_settings(
        "$connect ok\nok ok\nbad throws\nmalformed malformed\nslow hangs 20ms\nbusy busy\nbroken unsupported",
        level(LoggingLevel::Error),
    );
    let server = Server::with(vec![api]).await;
    let mut client = server.connect().await;
    play(&mut client, "> {\"action\":\"ok\"}\n> {\"action\":\"busy\"}").await;
    for action in ["bad", "malformed", "slow", "broken", "nope"] {
        play(&mut client, &format!("> {{\"action\":\"{action}\"}}")).await;
        client.next().await.unwrap().unwrap();
    }
    let lines = lines(server).await;
    insta::assert_snapshot!(lines.join("\n"), @r"
    Lambda execution failed with status 200 due to customer function error: boom. Lambda request id: <l>
    Message from client [Connection Id: <c>] sent to API [a1b2c3d4e5] with response status code [502].
    Execution failed due to configuration error: Malformed Lambda proxy response
    Message from client [Connection Id: <c>] sent to API [a1b2c3d4e5] with response status code [502].
    Execution failed due to a timeout error
    Message from client [Connection Id: <c>] sent to API [a1b2c3d4e5] with response status code [504].
    Execution failed due to configuration error: the integration cannot be called
    Message from client [Connection Id: <c>] sent to API [a1b2c3d4e5] with response status code [500].
    Request refused: Forbidden (ACCESS_DENIED)
    Message from client [Connection Id: <c>] sent to API [a1b2c3d4e5] with response status code [403].
    ");
}

#[tokio::test]
async fn off_has_nothing_and_a_route_can_have_its_own_level() {
    let mut api = with_settings("$connect ok\necho echo ->\nother echo ->", level(LoggingLevel::Off));
    let stage = api.stages.get_mut("prod").unwrap();
    stage.default_route_settings.data_trace_enabled = Some(true);
    stage.route_settings.insert("other".to_owned(), level(LoggingLevel::Info));
    let server = Server::with(vec![api]).await;
    let mut client = server.connect().await;
    play(&mut client, "> {\"action\":\"echo\"}\n< {\"action\":\"echo\"}").await;
    assert!(server.logs.events(GROUP).is_empty());
    play(&mut client, "> {\"action\":\"other\"}\n< {\"action\":\"other\"}").await;
    let lines = lines(server).await;
    assert!(lines.contains(&"WebSocket Request Route: [other]".to_owned()), "{lines:?}");
}

#[tokio::test]
async fn a_data_trace_has_messages_and_events_cut_at_1024_bytes() {
    let trace = RouteSettings { data_trace_enabled: Some(true), ..level(LoggingLevel::Info) };
    let server = Server::with(vec![with_settings("echo echo ->", trace)]).await;
    let mut client = server.connect().await;
    let body = format!("{{\"action\":\"echo\",\"text\":\"{}\"}}", "ä".repeat(600));
    client.send(Message::text(body)).await.unwrap();
    client.next().await.unwrap().unwrap();
    let logs = server.logs.clone();
    let all = lines(server).await;
    let after = all.iter().position(|line| line.contains("received message")).unwrap();
    let shown: Vec<_> =
        all[after..after + 10].iter().map(|line| line.chars().take(140).collect::<String>()).collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    WebSocket API [a1b2c3d4e5] received message from client [Connection Id: <c>]. Message: [{"action":"echo","text":"äääääääääääääääääääääääääää
    Endpoint request URI: https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/echo/invocations
    Endpoint request headers: {x-amzn-lambda-integration-tag=<r>, x-amzn-apigateway-api-id=a1b2c3d4e5, Accept=application/json, Content-Type=app
    Endpoint request body after transformations: {"requestContext":{"routeKey":"echo","messageId":"<c>","eventType":"MESSAGE","extendedRequestId
    Sending request to https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/echo/invocations
    Received response. Status: 200, Integration latency: 0 ms
    Endpoint response headers: {Content-Type=application/json, Content-Length=1263, x-amzn-RequestId=<l>}
    Endpoint response body before transformations: {"body":"{\"action\":\"echo\",\"text\":\"ääääääääääääääääääääääääääääääääääääääääääääääääääää
    AWS Integration Endpoint RequestId : <l>
    Message from client [Connection Id: <c>] sent to API [a1b2c3d4e5] with response status code [200].
    "#);
    let cut: Vec<_> =
        logs.events(GROUP).into_iter().filter(|event| event.message.ends_with(" [TRUNCATED]")).collect();
    assert_eq!(cut.len(), 3, "the message, the event and the answer");
    for event in cut {
        let kept = event.message.trim_end_matches(" [TRUNCATED]").len();
        assert!((1023..=1024).contains(&kept), "{kept}");
    }
}

#[tokio::test]
async fn a_route_that_asks_for_an_api_key_says_whether_it_was_there() {
    let mut api =
        keyed(with_settings("$connect ok\necho echo ->", level(LoggingLevel::Info)), ApiKeySource::Header);
    for (key, route) in &mut api.routes {
        route.api_key_required = key == "echo";
    }
    let server = Server::with(vec![api]).await;
    let key = [("x-api-key", "abcdefghijklmnopqrst")];
    play(&mut server.connect_with("/prod", &key).await.0, "> {\"action\":\"echo\"}\n< {\"action\":\"echo\"}")
        .await;
    let mut client = server.connect().await;
    client.send(Message::text("{\"action\":\"echo\"}")).await.unwrap();
    client.next().await.unwrap().unwrap();
    let lines = lines(server).await;
    let said = |of: &str| lines.iter().filter(|line| line.starts_with(of)).count();
    assert_eq!(said("API Key  not authorized: route 'echo' requires a valid API Key"), 1, "{lines:?}");
    assert_eq!(said("API Key  authorized because route 'echo'"), 0);
    assert_eq!(said("API Key  authorized because route '$connect'"), 2);
}

/// The lines of a handshake that an authorizer decides about, up to those of every event.
async fn authorized(function: &str, trace: bool) -> String {
    let mut api = guarded("$connect ok", function, &[IdentitySource::QueryString("token".to_owned())]);
    let settings = RouteSettings { data_trace_enabled: Some(trace), ..level(LoggingLevel::Info) };
    api.stages.get_mut("prod").unwrap().default_route_settings = settings;
    let server = Server::with(vec![api]).await;
    if function == "allows" {
        server.connect_with("/prod?token=t", &[]).await;
    } else {
        let path = if function == "nobody" { "/prod" } else { "/prod?token=t" };
        server.refusal(path, &[]).await;
    }
    let lines = lines(server).await;
    let shown = lines.iter().take_while(|line| !line.starts_with("Verifying"));
    shown.map(|line| line.chars().take(100).collect::<String>()).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn an_authorizer_has_the_lines_that_rest_apis_have_for_it() {
    insta::assert_snapshot!(authorized("allows", false).await, @r"
    Extended Request Id: <r>
    Starting authorizer: tokens for request: <r>
    Using valid authorizer policy for principal: *1
    Successfully completed authorizer execution
    ");
    insta::assert_snapshot!(authorized("allows", true).await, @r#"
    Extended Request Id: <r>
    Starting authorizer: tokens for request: <r>
    Authorizer result body before parsing: {"context":{"n":1,"ok":true,"plan":"gold"},"policyDocument":{
    Using valid authorizer policy for principal: *1
    Successfully completed authorizer execution
    "#);
    insta::assert_snapshot!(authorized("nobody", false).await, @r"
    Extended Request Id: <r>
    Starting authorizer: tokens for request: <r>
    Unauthorized request: <r>
    Request refused: Unauthorized (UNAUTHORIZED)
    Client [Connection Id: <c>] did not connect to API [a1b2c3d4e5], response status code [401].
    ");
    insta::assert_snapshot!(authorized("breaks", false).await, @r"
    Extended Request Id: <r>
    Starting authorizer: tokens for request: <r>
    Request refused: Internal server error (AUTHORIZER_FAILURE)
    Client [Connection Id: <c>] did not connect to API [a1b2c3d4e5], response status code [500].
    ");
}

#[tokio::test]
async fn management_calls_have_no_lines() {
    let server = Server::with(vec![with_settings("", level(LoggingLevel::Info))]).await;
    let path = "/prod/@connections/L0SM9cOFvHcCIhw=";
    assert_eq!(server.http("POST", path, b"x").await.status, 410);
    assert_eq!(lines(server).await, [""; 0]);
}

#[tokio::test]
async fn a_handshake_that_is_refused_says_so_and_what_is_throttled_says_nothing() {
    let api = with_settings("$connect refuses", level(LoggingLevel::Info));
    let server = Server::with(vec![api]).await;
    server.refusal("/prod", &[]).await;
    let last = lines(server).await.pop().unwrap();
    assert_eq!(
        last,
        "Client [Connection Id: <c>] did not connect to API [a1b2c3d4e5], response status code [401]."
    );

    let api = with_settings("$connect ok", level(LoggingLevel::Info));
    let quotas = Quotas { connects_per_second: 0, ..Quotas::default() };
    let server = Server::limited(vec![api], quotas).await;
    assert_eq!(server.refusal("/prod", &[]).await.status, 429);
    assert_eq!(lines(server).await, [""; 0]);
}

#[test]
fn reasons_are_told_from_steps() {
    for line in [
        "(EP5tfFQooAMEuog=) Lambda execution failed with status 200 due to",
        "(x) Execution failed due to a timeout error",
    ] {
        assert!(is_execution_failure(line), "{line}");
    }
    for line in ["(x) Starting execution for request: x", "Execution failed", "(x) Message: [) Execution"] {
        assert!(!is_execution_failure(line), "{line}");
    }
}
