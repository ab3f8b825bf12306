//! What stands before an integration: models, throttles, the length of a URL; and mocks, which need
//! none.

use std::collections::BTreeMap;

use futures_util::{SinkExt, StreamExt};
use sam::app::{
    MappingTemplate, Mock, MockResponse, RouteSettings, Target, TemplatePart, Throttle, Validation,
    WebSocketApi,
};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};

use super::support::{Server, api, play, without_ids};
use crate::gateway::Quotas;

const LIMITED: &str = r#"< {"message": "Too Many Requests", "connectionId":"*", "requestId":"*"}"#;

fn validated(routes: &str) -> WebSocketApi {
    let mut api = api(routes);
    let models = json!({ "text": { "required": ["text"] } });
    for route in api.routes.values_mut() {
        route.validation = Some(Validation {
            model_selection_expression: "$request.body.kind".to_owned(),
            models: serde_json::from_value(models.clone()).unwrap(),
        });
    }
    api.stages
        .get_mut("prod")
        .unwrap()
        .access_log
        .as_mut()
        .unwrap()
        .format
        .push_str(" $context.error.validationErrorString");
    api
}

#[tokio::test]
async fn an_invalid_message_calls_nothing_and_the_socket_stays_open() {
    let server = Server::with(vec![validated("$default echo ->")]).await;
    let mut client = server.connect().await;
    play(
        &mut client,
        r#"> {"kind":"text"}
           < {"message": "Invalid request body", "connectionId":"*", "requestId":"*"}
           > not JSON
           < {"message": "Invalid request body", "connectionId":"*", "requestId":"*"}
           > {"kind":"other"}
           < {"message": "Invalid request body", "connectionId":"*", "requestId":"*"}
           > {"kind":"text","text":"x"}
           < {"kind":"text","text":"x"}
           >! 1000
           <! 1000"#,
    )
    .await;
    let (rows, events) = server.stop().await;
    assert_eq!(events.len(), 1, "one message was valid");
    insta::assert_snapshot!(rows[1..].join("\n"), @r#"
    MESSAGE $default 400 Invalid request body BAD_REQUEST_BODY ["text" is a required property]
    MESSAGE $default 400 Invalid request body BAD_REQUEST_BODY [the body is not JSON: expected ident at line 1 column 2]
    MESSAGE $default 400 Invalid request body BAD_REQUEST_BODY [no model has the key "other"]
    MESSAGE $default 200 - - -
    DISCONNECT $disconnect 200 - - -
    "#);
}

#[tokio::test]
async fn only_messages_are_validated() {
    let server = Server::with(vec![validated("$connect ok\n$disconnect ok")]).await;
    let mut client = server.connect().await;
    play(&mut client, ">! 1000\n<! 1000").await;
    assert_eq!(server.stop().await.1.len(), 2);
}

/// An API whose routes answer by themselves: `says` is what goes back with 200, any other status has
/// no response.
fn mocked(routes: &str, status: &str, says: &str) -> WebSocketApi {
    let template = |text: &str| MappingTemplate(vec![TemplatePart::Text(text.to_owned())]);
    let mut api = api(routes);
    for route in api.routes.values_mut() {
        route.integration.as_mut().unwrap().target = Target::Mock(Mock {
            template_selection_expression: "200".to_owned(),
            request_templates: BTreeMap::from([(
                "200".to_owned(),
                template(&format!("{{\"statusCode\":{status}}}")),
            )]),
            passes_through: true,
            responses: vec![MockResponse { statuses: [200].into(), template: Some(template(says)) }],
        });
    }
    api.stages
        .get_mut("prod")
        .unwrap()
        .access_log
        .as_mut()
        .unwrap()
        .format
        .push_str(" $context.integrationLatency");
    api
}

#[tokio::test]
async fn a_mock_answers_without_a_function() {
    let server =
        Server::with(vec![mocked("$connect x\n$disconnect x\nping x ->\none-way x", "200", "pong")]).await;
    let mut client = server.connect().await;
    play(
        &mut client,
        r#"> {"action":"one-way"}
           > {"action":"ping"}
           < pong
           >! 1000
           <! 1000"#,
    )
    .await;
    let (mut rows, events) = server.stop().await;
    assert!(events.is_empty(), "{events:?}");
    rows.sort();
    insta::assert_snapshot!(rows.join("\n"), @r"
    CONNECT $connect 200 - - -
    DISCONNECT $disconnect 200 - - -
    MESSAGE one-way 200 - - -
    MESSAGE ping 200 - - -
    ");
}

#[tokio::test]
async fn a_mock_of_connect_refuses_with_its_status() {
    let server = Server::with(vec![mocked("$connect x", "401", "")]).await;
    assert_eq!(server.refusal("/prod", &[]).await.status, 401);
    let server = Server::with(vec![mocked("$connect x", "nonsense", "")]).await;
    assert_eq!(server.refusal("/prod", &[]).await.status, 500);
}

fn quotas(account_burst: u32, connects_per_second: u32) -> Quotas {
    Quotas { account_rate: 0.0, account_burst, connects_per_second }
}

#[tokio::test]
async fn a_message_over_the_accounts_rate_is_answered_and_the_socket_stays_open() {
    let server = Server::limited(vec![api("$default echo ->")], quotas(2, 100)).await;
    let mut client = server.connect().await;
    play(&mut client, &format!("> x\n< x\n> y\n{LIMITED}\n> z\n{LIMITED}\n>! 1000\n<! 1000")).await;
    let (rows, events) = server.stop().await;
    assert_eq!(events.len(), 1);
    assert_eq!(rows[2], "MESSAGE $default 429 Too Many Requests THROTTLED");
    assert_eq!(rows.last().unwrap(), "DISCONNECT $disconnect 200 - -");
}

#[tokio::test]
async fn a_connection_over_a_rate_is_refused() {
    for quotas in [quotas(0, 100), quotas(100, 0)] {
        let server = Server::limited(vec![api("$connect ok\n$disconnect ok")], quotas).await;
        let reply = server.refusal("/prod", &[]).await;
        let body = r#"{"message": "Too Many Requests", "connectionId":"*", "requestId":"*"}"#;
        assert_eq!((reply.status, without_ids(&reply.body).as_str()), (429, body));
        let (rows, events) = server.stop().await;
        assert!(events.is_empty());
        assert_eq!(rows, ["CONNECT $connect 429 Too Many Requests THROTTLED"]);
    }
}

#[tokio::test]
async fn a_callback_over_the_accounts_rate_is_limited() {
    let mut server = Server::limited(vec![api("$connect ok")], quotas(2, 100)).await;
    let mut client = server.connect().await;
    let path = Server::path_of(&server.event().await);
    assert_eq!(server.http("POST", &path, b"x").await.status, 200);
    let reply = server.http("POST", &path, b"y").await;
    assert_eq!((reply.status, reply.error_type()), (429, Some("LimitExceededException")));
    play(&mut client, "< x\n>! 1000\n<! 1000").await;
    let rows = server.stop().await.0;
    assert!(
        rows.contains(&"CONNECTION_API POST /@connections/{connectionId} 429 - -".to_owned()),
        "{rows:?}"
    );
}

#[tokio::test]
async fn routes_have_the_throttles_of_their_stage() {
    let mut api = api("$connect ok\n$disconnect ok\nrare echo ->\n$default echo ->");
    let stage = api.stages.get_mut("prod").unwrap();
    let throttle = |burst| Throttle { rate: Some(0.0), burst: Some(burst) };
    let settings = |burst| RouteSettings { throttle: throttle(burst), ..RouteSettings::default() };
    stage.default_route_settings = settings(2);
    stage.route_settings.insert("rare".to_owned(), settings(1));
    let server = Server::limited(vec![api], Quotas::unlimited()).await;
    let mut client = server.connect().await;
    play(
        &mut client,
        &format!("> {{\"action\":\"rare\"}}\n< {{\"action\":\"rare\"}}\n> {{\"action\":\"rare\"}}\n{LIMITED}\n> x\n< x\n> y\n< y\n> z\n{LIMITED}"),
    )
    .await;
    server.connect().await;
    assert_eq!(server.refusal("/prod", &[]).await.status, 429, "$connect is a route");
}

#[tokio::test]
async fn a_url_has_at_most_4096_characters() {
    let server = Server::start("$connect ok").await;
    let path = |length: usize| format!("/prod?{}", "x".repeat(length - "/prod?".len()));
    assert_eq!(server.refusal(&path(4096), &[]).await.status, 101);
    let reply = server.refusal(&path(4097), &[]).await;
    assert_eq!((reply.status, reply.body.as_str()), (414, r#"{"message":"Request-URI Too Long"}"#));
    let reply = server.http("POST", &path(4097).replace('?', "/@connections/"), b"x").await;
    assert_eq!(reply.status, 414);
    assert_eq!(server.http("GET", &path(10_000), b"").await.status, 414);
    assert_eq!(
        server.http("GET", &path(100_000), b"").await.status,
        431,
        "the head is too large before that"
    );
}

#[tokio::test]
async fn headers_that_are_too_many_or_too_long_are_answered() {
    let mut server = Server::start("$connect ok").await;
    // The answer comes before the end of the request, whose rest is not read.
    let (mut reader, mut writer) = tokio::net::TcpStream::connect(server.address).await.unwrap().into_split();
    let request = format!("GET /prod HTTP/1.1\r\nHost: x\r\nX-Long: {}", "x".repeat(2 * 1024 * 1024));
    let writing = tokio::spawn(async move {
        let _ = writer.write_all(request.as_bytes()).await;
        writer
    });
    let mut status = [0; 12];
    reader.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 431");
    drop(writing.await.unwrap());
    let names: Vec<String> = (0..200).map(|index| format!("X-{index}")).collect();
    let many: Vec<_> = names.iter().map(|name| (name.as_str(), "x")).collect();
    assert_eq!(server.refusal("/prod", &many).await.status, 431);
    let value = "x".repeat(10_000);
    assert_eq!(server.refusal("/prod", &[("X-Long", &value)]).await.status, 101);
    assert_eq!(server.event().await["headers"]["x-long"], value.as_str());
}

#[tokio::test]
async fn a_large_post_comes_in_frames_and_whole() {
    let mut server = Server::start("$connect ok").await;
    let mut client = server.connect().await;
    let path = Server::path_of(&server.event().await);
    // Two bytes a character: frames end within one.
    let text = format!("x{}", "é".repeat(50 * 1024));
    assert_eq!(server.http("POST", &path, text.as_bytes()).await.status, 200);
    assert_eq!(client.next().await.unwrap().unwrap(), Message::text(text.as_str()));
    client.send(Message::Ping("still".into())).await.unwrap();
    play(&mut client, "<~ still").await;
}

#[tokio::test]
async fn the_frames_of_a_large_message_are_a_text_and_continuations() {
    let mut server = Server::start("$connect ok").await;
    let client = server.connect().await;
    let path = Server::path_of(&server.event().await);
    assert_eq!(server.http("POST", &path, &[b'x'; 8200]).await.status, 200);
    let mut bytes = [0; 8200 + 4 + 2];
    let tokio_tungstenite::MaybeTlsStream::Plain(stream) = client.into_inner() else { panic!("no TLS") };
    let mut stream = stream;
    stream.read_exact(&mut bytes).await.unwrap();
    let (text, more) = (u8::from(OpCode::Data(Data::Text)), u8::from(OpCode::Data(Data::Continue)));
    assert_eq!(bytes[..4], [text, 126, 0x20, 0]);
    assert_eq!(bytes[4 + 8192..][..2], [0x80 | more, 8]);
}
