//! The server API, over HTTP and with the real functions.

use harness::{Options, Socket, Stack, post, root};
use serde_json::{Value, json};

/// The key of the template's local environment.
const KEY: [(&str, &str); 1] = [("X-API-Key", "local")];

/// What a call answers.
pub(crate) async fn call(stack: &Stack, method: &str, content: &Value) -> Value {
    let (status, answer) = post(stack.http(), &format!("/api/{method}"), &KEY, &content.to_string()).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

/// A client of nobody that is let in, and its connection's id.
async fn client(stack: &Stack) -> (Socket, String) {
    let mut client = stack.connect().await;
    let reply: Value = serde_json::from_str(&client.ask(r#"{"id":1,"connect":{}}"#).await).unwrap();
    (client, reply["connect"]["client"].as_str().unwrap().to_owned())
}

async fn pushed(client: &mut Socket) -> Value {
    serde_json::from_str::<Value>(&client.text().await).unwrap()["push"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_server_does_reaches_clients() {
    let stack = Stack::start().await;
    let (mut alice, id) = client(&stack).await;
    let whom = json!({"client": id, "channel": "room:1", "data": {"hello": true}});
    assert_eq!(call(&stack, "subscribe", &whom).await, json!({"result": {}}));
    let push = pushed(&mut alice).await;
    assert_eq!((&push["channel"], &push["subscribe"]["data"]), (&json!("room:1"), &json!({"hello": true})));

    let content =
        json!({"channel": "room:1", "data": {"n": 1}, "tags": {"k": "v"}, "idempotency_key": "once"});
    let first = call(&stack, "publish", &content).await;
    assert_eq!(first["result"]["offset"], 1);
    assert_eq!(call(&stack, "publish", &content).await, first, "the same key");
    let push = pushed(&mut alice).await;
    assert_eq!(push["pub"], json!({"offset": 1, "data": {"n": 1}, "tags": {"k": "v"}}));

    let presence = call(&stack, "presence", &json!({"channel": "room:1"})).await;
    assert_eq!(presence["result"]["presence"][&id]["client"], json!(id));
    let history = call(&stack, "history", &json!({"channel": "room:1", "limit": 5})).await;
    assert_eq!(history["result"]["publications"][0]["tags"], json!({"k": "v"}));
    assert_eq!(call(&stack, "history_remove", &json!({"channel": "room:1"})).await, json!({"result": {}}));
    let history = call(&stack, "history", &json!({"channel": "room:1", "limit": 5})).await;
    assert_eq!((&history["result"]["publications"], &history["result"]["offset"]), (&json!([]), &json!(1)));

    assert_eq!(call(&stack, "unsubscribe", &whom).await, json!({"result": {}}));
    assert_eq!(pushed(&mut alice).await["unsubscribe"]["code"], 2000);
    assert_eq!(call(&stack, "disconnect", &json!({"client": id})).await, json!({"result": {}}));
    assert_eq!(pushed(&mut alice).await["disconnect"]["code"], 3503);
    alice.closed().await;
    assert_eq!(stack.index_rows().await, Vec::<String>::new());
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_key_lets_a_server_in() {
    let stack = Stack::start().await;
    let body = r#"{"channel":"room:1","data":1}"#;
    let ask = async |path: &str, headers: &[(&str, &str)], body: &str| {
        let (status, answer) = post(stack.http(), path, headers, body).await;
        (status, answer["message"].as_str().unwrap_or_default().to_owned())
    };
    let unauthorized = (401, "Unauthorized".to_owned());
    for wrong in
        [&[][..], &[("X-API-Key", "Local")], &[("X-API-Key", "")], &[("Authorization", "Bearer local")]]
    {
        assert_eq!(ask("/api/publish", wrong, body).await, unauthorized, "{wrong:?}");
    }
    assert_eq!(ask("/api/publish", &[("Authorization", "apikey local")], body).await.0, 200);
    assert_eq!(ask("/api/publish", &KEY, "no json").await, (400, "Bad Request".to_owned()));
    assert_eq!(ask("/api/no_such", &KEY, "{}").await, (404, "Not Found".to_owned()));
    assert_eq!(ask("/api", &KEY, "{}").await.0, 404);
    let line = |lines: &[Value]| lines.iter().find(|line| line["status"] == "400").cloned();
    let line = stack.logs().wait("/aws/lambda/switchboard/api", line).await;
    assert_eq!((&line["eventType"], &line["routeKey"]), (&json!("HTTP"), &json!("POST /api/{method}")));
    assert_eq!(line["error"], "the body is not a JSON object");
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_in_the_template_nobody_is_let_in() {
    let stack = Stack::with(Options { environment: "prod", ..Options::default() }).await;
    for headers in [&[][..], &[("X-API-Key", "")], &KEY] {
        assert_eq!(post(stack.http(), "/api/info", headers, "{}").await.0, 401, "{headers:?}");
    }
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_leaves_one_line_that_tells_what_was_done_and_not_what_was_said() {
    let stack = Stack::start().await;
    call(&stack, "publish", &json!({"channel": "room:secret", "data": "dawn", "idempotency_key": "secret"}))
        .await;
    let one = |lines: &[Value]| lines.first().cloned();
    let line = stack.logs().wait("/aws/lambda/switchboard/api", one).await;
    assert_eq!((&line["command"], &line["channelNamespace"]), (&json!("publish"), &json!("room")));
    assert_eq!(
        (&line["PublicationsIn"], &line["Commands"], &line["status"]),
        (&json!(1), &json!(1), &json!("200"))
    );
    // The channel's place, the key, the publication, and that it was handed out.
    assert_eq!((&line["WriteUnits"], &line["ReadUnits"]), (&json!(4), &json!(2)));
    assert_eq!(line["Stage"], "$default");
    let text = line.to_string();
    assert!(!text.contains("dawn") && !text.contains("secret"), "{text}");
    stack.stop().await;
}

/// The document that describes the API.
struct Document(Value);

impl Document {
    fn read() -> Self {
        let text = std::fs::read_to_string(root().join("shared/server.openapi.json")).unwrap();
        Self(serde_json::from_str(&text).unwrap())
    }

    /// Why a value is not what stands at a place of a method's operation.
    fn fault(&self, method: &str, place: &str, value: &Value) -> Option<String> {
        let operation = &self.0["paths"][format!("/api/{method}")]["post"];
        let content = operation.pointer(place).unwrap_or_else(|| panic!("{method} {place}"));
        let schema = json!({"allOf": [content["content"]["application/json"]["schema"]], "components": self.0["components"]});
        let validator = jsonschema::validator_for(&schema).unwrap();
        validator.validate(value).err().map(|error| error.to_string())
    }
}

/// Every method, and what is refused. `CLIENT` stands for a connection.
const CONVERSATION: [(&str, &str); 23] = [
    ("info", "{}"),
    ("ticket", r#"{"user":"ada","info":{"name":"Ada"},"expire_at":4000000000}"#),
    ("ticket", "{}"),
    ("subscribe", r#"{"client":"CLIENT","channel":"room:1","data":{"a":1}}"#),
    ("publish", r#"{"channel":"room:1","data":{"a":[1,null]},"tags":{"k":"v"},"idempotency_key":"k"}"#),
    ("publish", r#"{"channel":"plain:1","data":"text","skip_history":true}"#),
    ("broadcast", r#"{"channels":["room:1","nowhere:1","plain:1"],"data":7}"#),
    ("presence", r#"{"channel":"room:1"}"#),
    ("presence_stats", r#"{"channel":"room:1"}"#),
    ("presence", r#"{"channel":"plain:1"}"#),
    ("history", r#"{"channel":"room:1","limit":-1}"#),
    ("history", r#"{"channel":"room:1","limit":1,"reverse":true}"#),
    ("history", r#"{"channel":"room:1","limit":1,"since":{"offset":1,"epoch":"another"}}"#),
    ("history", r#"{"channel":"plain:1"}"#),
    ("history_remove", r#"{"channel":"room:1"}"#),
    (
        "batch",
        r#"{"commands":[{"publish":{"channel":"room:1","data":1}},{"publish":{"channel":"nowhere:1","data":1}},
        {"presence_stats":{"channel":"room:1"}},{"history":{"channel":"room:1","limit":1}},{"info":{}}],"parallel":true}"#,
    ),
    ("publish", r#"{"channel":"nowhere:1","data":1}"#),
    ("subscribe", r#"{"user":"nobody","channel":"room:1"}"#),
    ("unsubscribe", r#"{"client":"CLIENT","channel":"room:1"}"#),
    ("unsubscribe", r#"{"channel":"room:1"}"#),
    ("disconnect", r#"{"user":"nobody","whitelist":["a"]}"#),
    ("disconnect", r#"{"client":"CLIENT","disconnect":{"code":4001,"reason":"bye"}}"#),
    ("disconnect", "{}"),
];

#[tokio::test(flavor = "multi_thread")]
async fn requests_and_answers_are_as_the_document_says() {
    let document = Document::read();
    let namespaces =
        r#"{"plain":{},"room":{"presence":true,"history_size":10,"history_ttl":"1h"}}"#.to_owned();
    let stack =
        Stack::with(Options { parameters: vec![("Namespaces", namespaces)], ..Options::default() }).await;
    let (_alice, id) = client(&stack).await;
    let mut methods = std::collections::BTreeSet::new();
    for (method, content) in CONVERSATION {
        let content: Value = serde_json::from_str(&content.replace("CLIENT", &id)).unwrap();
        assert_eq!(document.fault(method, "/requestBody", &content), None, "{method} {content}");
        let answer = call(&stack, method, &content).await;
        assert_eq!(document.fault(method, "/responses/200", &answer), None, "{method} {content} {answer}");
        methods.insert(format!("/api/{method}"));
    }
    let described: std::collections::BTreeSet<_> =
        document.0["paths"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(methods, described);
    let (_, unauthorized) = post(stack.http(), "/api/info", &[], "{}").await;
    assert_eq!(document.fault("info", "/responses/401", &unauthorized), None);
    let (_, bad) = post(stack.http(), "/api/info", &KEY, "[]").await;
    assert_eq!(document.fault("info", "/responses/400", &bad), None);
    stack.stop().await;
}

#[test]
fn the_document_refuses_what_is_none_of_it() {
    let document = Document::read();
    let refused = |method: &str, place: &str, value: Value| {
        assert!(document.fault(method, place, &value).is_some(), "{method} {value}");
    };
    refused("publish", "/requestBody", json!({"channel": "a b", "data": 1}));
    refused("publish", "/requestBody", json!({"channel": "a"}));
    refused("disconnect", "/requestBody", json!({"user": "a", "disconnect": {"code": 1000}}));
    refused("publish", "/responses/200", json!({"result": {"offset": 0}}));
    refused("publish", "/responses/200", json!({"result": {}, "error": {"code": 100, "message": ""}}));
    refused("publish", "/responses/200", json!({"error": {"code": 1, "message": ""}}));
    refused("batch", "/responses/200", json!({"replies": [{"publish": {}, "info": {}}]}));
}
