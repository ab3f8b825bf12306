//! Logs Insights through AWS's own SDK, and the template's saved queries over the logs of a real
//! conversation.

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::operation::start_query::StartQueryError;
use aws_sdk_cloudwatchlogs::types::{QueryDefinition, QueryStatus};
use harness::{Options, Socket, Stack, close};
use local::clock::{Clock, SystemClock};
use serde_json::Value;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderValue, Request};

/// Rows as (field, value), without `@ptr`.
type Rows = Vec<Vec<(String, String)>>;

/// Runs a query over the last hour.
async fn ask(client: &Client, query: &str, groups: &[String]) -> Rows {
    let now = SystemClock.now_ms() / 1000;
    let call = client.start_query().query_string(query).start_time(now - 3600).end_time(now + 1);
    let started = call.set_log_group_names(Some(groups.to_vec())).send().await;
    let id = started.unwrap_or_else(|error| panic!("{error:?}: {query}")).query_id.unwrap();
    loop {
        let answer = client.get_query_results().query_id(&id).send().await.unwrap();
        match answer.status().unwrap() {
            QueryStatus::Running => {}
            status => {
                assert_eq!(status, &QueryStatus::Complete, "{query}");
                let rows = answer.results.unwrap().into_iter().map(|row| {
                    let cells = row.into_iter().map(|cell| (cell.field.unwrap(), cell.value.unwrap()));
                    cells.filter(|(field, _)| field != "@ptr").collect()
                });
                return rows.collect();
            }
        }
    }
}

fn value<'a>(row: &'a [(String, String)], field: &str) -> &'a str {
    row.iter().find(|(name, _)| name == field).map_or("", |(_, value)| value)
}

fn number(row: &[(String, String)], field: &str) -> f64 {
    value(row, field).parse().unwrap_or_else(|_| panic!("{field} of {row:?}"))
}

/// The values of some fields, a line for each row.
fn lines(rows: &Rows, fields: &[&str]) -> Vec<String> {
    rows.iter()
        .map(|row| fields.iter().map(|field| value(row, field)).collect::<Vec<_>>().join(" "))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sdk_asks_is_answered_and_is_told_the_place_of_an_error() {
    let stack = Stack::with(Options::fixture("mock.yaml")).await;
    let client = Client::new(stack.sdk());
    client.create_log_group().log_group_name("g").send().await.unwrap();
    client.create_log_stream().log_group_name("g").log_stream_name("s").send().await.unwrap();
    let put = client.put_log_events().log_group_name("g").log_stream_name("s");
    let event = aws_sdk_cloudwatchlogs::types::InputLogEvent::builder()
        .timestamp(SystemClock.now_ms())
        .message(r#"{"a":{"b":1}}"#);
    put.log_events(event.build().unwrap()).send().await.unwrap();
    let groups = ["g".to_owned()];
    assert_eq!(ask(&client, "stats sum(a.b) as s", &groups).await, [[("s".to_owned(), "1".to_owned())]]);
    let fields = client.get_log_group_fields().log_group_name("g").send().await.unwrap();
    assert!(
        fields.log_group_fields().iter().any(|field| field.name() == Some("a.b") && field.percent() == 100)
    );
    let now = SystemClock.now_ms() / 1000;
    let call = client.start_query().query_string("fields a | lmit 1").start_time(now).end_time(now);
    let error = call.log_group_names("g").send().await.unwrap_err().into_service_error();
    let StartQueryError::MalformedQueryException(error) = error else { panic!("{error:?}") };
    let location = error.query_compile_error().unwrap().location().unwrap();
    assert_eq!((location.start_char_offset(), location.end_char_offset()), (Some(11), Some(15)));
    assert_eq!(error.message(), Some("unknown command 'lmit', did you mean 'limit'?"));
    let saved = client.put_query_definition().name("n").query_string("limit 1").send().await.unwrap();
    let listed = client.describe_query_definitions().send().await.unwrap();
    assert_eq!(listed.query_definitions()[0].query_definition_id(), saved.query_definition_id());
    stack.stop().await;
}

fn from(stack: &Stack, agent: &'static str, origin: &'static str) -> Request<()> {
    let mut request = stack.endpoint().websocket.as_str().into_client_request().unwrap();
    request.headers_mut().insert("user-agent", HeaderValue::from_static(agent));
    request.headers_mut().insert("origin", HeaderValue::from_static(origin));
    request
}

/// One client of a wrong origin is refused; another one subscribes, publishes, asks for what is not
/// allowed, and leaves. Gives the connection's id.
async fn conversation(stack: &Stack) -> String {
    assert!(Socket::try_open(from(stack, "bad", "https://evil.example")).await.is_err());
    let mut client = Socket::try_open(from(stack, "good", "https://app.example")).await.unwrap();
    client.ask("{\"id\":1,\"connect\":{}}\n{\"id\":2,\"subscribe\":{\"channel\":\"room:1\"}}").await;
    client.text().await;
    client.send(r#"{"id":3,"publish":{"channel":"room:1","data":"hi"}}"#).await;
    client.text().await;
    client.text().await;
    client.send(r#"{"id":4,"subscribe":{"channel":"none:1"}}"#).await;
    client.text().await;
    client.close(Some(close(1000, "bye"))).await;
    // The refused connect, then a connect, three messages, and the end.
    let six = |lines: &[Value]| (lines.len() == 6).then_some(());
    stack.logs().wait("/aws/lambda", six).await;
    // Each of these, and two posts.
    let eight = |lines: &[Value]| {
        let good = lines.iter().find(|line| line["eventType"] == "DISCONNECT")?;
        (lines.len() == 8).then(|| good["connectionId"].as_str().unwrap().to_owned())
    };
    stack.logs().wait("/access", eight).await
}

/// A saved query's rows. Only the life of a connection has something to fill in.
async fn saved(client: &Client, all: &[QueryDefinition], name: &str, connection: &str) -> Rows {
    let is_meant = |one: &&QueryDefinition| one.name().unwrap().rsplit('/').next() == Some(name);
    let one = all.iter().find(is_meant).unwrap_or_else(|| panic!("no query {name}"));
    let query = one.query_string().unwrap().replace("CONNECTION_ID", connection);
    ask(client, &query, one.log_group_names()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_saved_queries_of_the_template_answer_over_real_logs() {
    let origins = ("AllowedOrigins", "https://app.example".to_owned());
    let stack = Stack::with(Options { parameters: vec![origins], ..Options::default() }).await;
    let connection = conversation(&stack).await;
    let client = Client::new(stack.sdk());
    let all = client.describe_query_definitions().send().await.unwrap().query_definitions.unwrap();
    assert_eq!(all.len(), 10);
    let rows = async |name: &str| saved(&client, &all, name, &connection).await;
    traffic(&rows("slowest-routes").await, &rows("errors-by-route").await);
    let life = rows("life-of-a-connection").await;
    assert_eq!(life.len(), 12, "{life:#?}");
    assert!(life.is_sorted_by_key(|row| value(row, "@timestamp").to_owned()));
    assert!(life.iter().any(|row| value(row, "disconnectReason") == "bye"));
    connections(
        &rows("connections-by-user-agent").await,
        &rows("disconnect-reasons").await,
        &rows("refused-connects").await,
    );
    commands(&rows("rejected-commands").await, &rows("delivery-latency").await);
    let cold = rows("cold-starts").await;
    assert_eq!(lines(&cold, &["starts"]), ["1", "1", "1"], "{cold:#?}");
    assert!(cold.iter().all(|row| number(row, "slowest") > 0.0));
    let cost = rows("cost-of-the-day").await;
    let sum = |field: &str| cost.iter().map(|row| number(row, field)).sum::<f64>();
    assert_eq!((sum("messagesIn"), sum("messagesOut")), (3.0, 2.0), "{cost:#?}");
    assert!(sum("writeUnits") >= 7.0 && sum("readUnits") > 0.0 && sum("logBytes") > 5_000.0, "{cost:#?}");
    assert!(sum("connectionMinutes") >= 0.0);
    stack.stop().await;
}

fn traffic(slowest: &Rows, errors: &Rows) {
    let mut routes = lines(slowest, &["routeKey", "requests"]);
    routes.sort();
    assert_eq!(routes, ["$connect 2", "$default 3", "$disconnect 1", "POST /@connections/{connectionId} 2"]);
    for row in slowest {
        assert!(number(row, "p50") <= number(row, "p99") && number(row, "p99") <= number(row, "slowest"));
    }
    assert!(slowest.is_sorted_by(|a, b| number(a, "p99") >= number(b, "p99")));
    assert_eq!(lines(errors, &["routeKey", "status", "errors"]), ["$connect 403 1"]);
}

fn connections(agents: &Rows, reasons: &Rows, refused: &Rows) {
    assert_eq!(lines(agents, &["userAgent", "connections"]), ["good 1"]);
    assert!(value(&agents[0], "hour").ends_with(":00:00.000"));
    let fields = ["disconnectStatusCode", "disconnectReason", "disconnects"];
    assert_eq!(lines(reasons, &fields), ["1000 bye 1"]);
    assert!(number(&reasons[0], "seconds") >= 0.0);
    assert_eq!(lines(refused, &["status", "userAgent", "refused"]), ["403 bad 1"]);
}

fn commands(rejected: &Rows, latency: &Rows) {
    assert_eq!(lines(rejected, &["command", "rejected"]), ["subscribe 1"]);
    assert!(number(&rejected[0], "errorCode") >= 100.0);
    assert_eq!(latency.iter().map(|row| number(row, "deliveries")).sum::<f64>(), 1.0);
    assert!(number(&latency[0], "p50") > 0.0 && value(&latency[0], "bin(5m)").ends_with(":00.000"));
}
