//! Requests as clients send them, and what the function gets of them.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sam::app::Integration;
use serde_json::Value;

use super::*;
use crate::clock::SystemClock;
use crate::lambda::Invoke;
use crate::raw_http::{Reply, http};

/// A function that answers with its event, or as its name says.
#[derive(Debug)]
struct Functions;

impl Invoke for Functions {
    fn invoke<'a>(&'a self, function: &'a str, payload: Bytes) -> BoxFuture<'a, Result<Bytes, InvokeError>> {
        Box::pin(async move {
            match function {
                "Fails" => Err(InvokeError::Exited("x".to_owned())),
                "Never" => std::future::pending().await,
                _ => Ok(payload),
            }
        })
    }
}

fn api(id: &str, stage: &str, routes: &[(&str, Target)]) -> HttpApi {
    let route = |(key, target): &(&str, Target)| {
        let integration = Integration { target: target.clone(), timeout: Duration::from_millis(50) };
        ((*key).to_owned(), HttpRoute { key: (*key).to_owned(), integration })
    };
    HttpApi {
        logical_id: "Http".to_owned(),
        id: id.to_owned(),
        routes: routes.iter().map(route).collect(),
        stage: stage.to_owned(),
        variables: BTreeMap::new(),
    }
}

fn function(name: &str) -> Target {
    Target::Function(name.to_owned())
}

async fn start(apis: Vec<HttpApi>) -> (SocketAddr, HttpApis) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let ground = Ground::new(Arc::new(Functions), Arc::new(SystemClock), &sam::Settings::default());
    (address, HttpApis::start(listener, apis, ground))
}

async fn get(address: SocketAddr, path: &str) -> Reply {
    http(address, "GET", path, &[], b"").await
}

#[tokio::test]
async fn a_function_gets_the_request_as_an_event() {
    let (address, apis) =
        start(vec![api("abc", "$default", &[("POST /items/{id}", function("Echo"))])]).await;
    let headers =
        [("Content-Type", "application/json"), ("X-Two", "a"), ("X-Two", "b"), ("Cookie", "c=1; d=2")];
    let reply = http(address, "POST", "/items/7?q=1&q=2&r=%20", &headers, b"{\"a\":1}").await;
    let event: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!(event["version"], "2.0");
    assert_eq!(event["routeKey"], "POST /items/{id}");
    assert_eq!(event["rawQueryString"], "q=1&q=2&r=%20");
    assert_eq!(event["queryStringParameters"], serde_json::json!({ "q": "1,2", "r": " " }));
    assert_eq!(event["pathParameters"]["id"], "7");
    assert_eq!(event["headers"]["x-two"], "a,b");
    assert_eq!(event["cookies"], serde_json::json!(["c=1", "d=2"]));
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&"{\"a\":1}".into(), &false.into()));
    assert_eq!(event["requestContext"]["http"]["method"], "POST");
    assert_eq!(event["requestContext"]["http"]["sourceIp"], "127.0.0.1");
    assert_eq!(event["requestContext"]["apiId"], "abc");
    let binary = http(address, "POST", "/items/7", &[("Content-Type", "image/png")], b"\xff\x00").await;
    let event: Value = serde_json::from_str(&binary.body).unwrap();
    assert_eq!((&event["body"], &event["isBase64Encoded"]), (&"/wA=".into(), &true.into()));
    apis.shutdown().await;
}

#[tokio::test]
async fn what_goes_wrong_is_told_in_the_gateways_words() {
    let routes = [
        ("GET /fails", function("Fails")),
        ("GET /never", function("Never")),
        ("GET /other", Target::Unsupported("x".to_owned())),
    ];
    let (address, apis) = start(vec![api("abc", "$default", &routes)]).await;
    let check = async |path: &str, status: u16, message: &str| {
        let reply = get(address, path).await;
        assert_eq!((reply.status, reply.body), (status, format!(r#"{{"message":"{message}"}}"#)), "{path}");
    };
    check("/fails", 500, "Internal Server Error").await;
    check("/never", 503, "Service Unavailable").await;
    check("/other", 500, "Internal Server Error").await;
    check("/nowhere", 404, "Not Found").await;
    let large = vec![b'x'; MAX_BODY + 1];
    let refused = http(address, "POST", "/fails", &[], &large).await;
    assert_eq!((refused.status, refused.body.as_str()), (413, r#"{"message":"Request Entity Too Large"}"#));
    apis.shutdown().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_stage_has_a_path_and_a_host_names_an_api() {
    let one = api("one", "live", &[("$default", function("Echo"))]);
    let two = api("two", "$default", &[("$default", function("Echo"))]);
    let (address, apis) = start(vec![one, two]).await;
    let route = async |host: &str, path: &str| {
        let reply = http(address, "GET", path, &[("Host", host)], b"").await;
        let event: Value = serde_json::from_str(&reply.body).unwrap();
        event["requestContext"]["stage"].as_str().map(ToOwned::to_owned)
    };
    assert_eq!(route("one.execute-api.us-east-1.amazonaws.com", "/live/x").await.as_deref(), Some("live"));
    assert_eq!(route("one.execute-api.us-east-1.amazonaws.com", "/x").await, None);
    assert_eq!(route("two.execute-api.us-east-1.amazonaws.com", "/x").await.as_deref(), Some("$default"));
    assert_eq!(route("localhost", "/x").await, None, "which of the two is meant is not known");
    apis.shutdown().await;
}
