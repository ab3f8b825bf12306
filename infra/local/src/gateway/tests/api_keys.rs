//! API keys on the routes of messages: the key is the one that the handshake had.

use sam::app::{ApiKeySource, WebSocketApi};
use serde_json::json;

use super::authorizers::{guarded, keyed};
use super::support::{Client, Server, api, play};

const KEY: &str = "abcdefghijklmnopqrst";

/// An API in which only the route `paid` asks for a key.
fn paid(mut api: WebSocketApi, source: ApiKeySource) -> WebSocketApi {
    if api.routes.contains_key("$connect") {
        api = keyed(api, source);
    } else {
        api.routes.insert("$connect".to_owned(), api.routes["free"].clone());
        api = keyed(api, source);
        api.routes.remove("$connect");
    }
    for (key, route) in &mut api.routes {
        route.api_key_required = key == "paid";
    }
    api
}

async fn allowed(client: &mut Client) {
    play(client, "> {\"action\":\"paid\"}\n< {\"action\":\"paid\"}").await;
}

/// Without a key the route is forbidden, nothing is called, and the socket stays open.
async fn forbidden(client: &mut Client) {
    play(
        client,
        r#"> {"action":"paid"}
           < {"message": "Forbidden", "connectionId":"*", "requestId":"*"}
           > {"action":"free"}
           < {"action":"free"}"#,
    )
    .await;
}

#[tokio::test]
async fn a_route_that_asks_for_a_key_takes_the_handshakes() {
    for connect in ["", "$connect ok\n"] {
        let api = paid(api(&format!("{connect}paid echo ->\nfree echo ->")), ApiKeySource::Header);
        let mut server = Server::with(vec![api]).await;
        allowed(&mut server.connect_with("/prod", &[("x-api-key", KEY)]).await.0).await;
        let identity = server.event_of("paid").await["requestContext"]["identity"].take();
        assert_eq!(identity, json!({ "apiKey": KEY, "apiKeyId": "k1", "sourceIp": "127.0.0.1" }));
        forbidden(&mut server.connect_with("/prod", &[("x-api-key", "another")]).await.0).await;
        forbidden(&mut server.connect().await).await;
        let (rows, events) = server.stop().await;
        let paid = events.iter().filter(|event| event["requestContext"]["routeKey"] == "paid");
        assert_eq!(paid.count(), 0, "it is called with a key only");
        assert!(rows.contains(&"MESSAGE paid 403 Forbidden INVALID_API_KEY".to_owned()), "{rows:?}");
    }
}

#[tokio::test]
async fn the_authorizer_can_name_the_key_of_messages() {
    let api = guarded("$connect ok\npaid echo ->\nfree echo ->", "allows", &[]);
    let server = Server::with(vec![paid(api, ApiKeySource::Authorizer)]).await;
    allowed(&mut server.connect_with(&format!("/prod?key={KEY}"), &[]).await.0).await;
    forbidden(&mut server.connect_with("/prod?key=other", &[("x-api-key", KEY)]).await.0).await;
}

#[tokio::test]
async fn disconnect_is_told_without_a_key() {
    let mut api = paid(api("$connect ok\n$disconnect ok\npaid echo ->"), ApiKeySource::Header);
    api.routes.get_mut("$disconnect").unwrap().api_key_required = true;
    let mut server = Server::with(vec![api]).await;
    play(&mut server.connect().await, ">! 1000\n<! 1000").await;
    server.event_of("$disconnect").await;
}
