//! The six metrics: when each counts, and in which series.

use cloudwatch::metrics::MetricStore;
use futures_util::StreamExt;
use sam::app::RouteSettings;

use super::support::{Server, api, play};
use crate::meters::tests::series;

/// Whether routes have series: of the stage, and of the route `echo`.
type Detailed = (Option<bool>, Option<bool>);

/// A gateway of these routes that keeps what it measures.
async fn server(routes: &str, (default, echo): Detailed) -> (Server, MetricStore) {
    let mut api = api(routes);
    let settings =
        |detailed| RouteSettings { detailed_metrics_enabled: detailed, ..RouteSettings::default() };
    let stage = api.stages.get_mut("prod").unwrap();
    stage.default_route_settings = settings(default);
    stage.route_settings.insert("echo".to_owned(), settings(echo));
    let store = MetricStore::default();
    let server = Server::changed(vec![api], |settings| settings.metrics = store.clone()).await;
    (server, store)
}

/// What a stopped gateway has counted, without how long integrations took.
async fn counted(server: Server, store: &MetricStore, dimensions: &str) -> String {
    server.stop().await;
    let series = series(store).into_iter().filter_map(|line| {
        let line = line.replace(&format!(" {{{dimensions}}}"), "");
        (!line.contains('{') && !line.starts_with("IntegrationLatency")).then_some(line)
    });
    series.collect::<Vec<_>>().join("\n")
}

const STAGE: &str = "ApiId=a1b2c3d4e5 Stage=prod";

#[tokio::test]
async fn two_one_way_messages_are_two_and_two_with_answers_are_four() {
    let check = async |route: &str, expected: &str| {
        let (mut server, store) = server(route, (None, None)).await;
        let mut client = server.connect().await;
        for _ in 0..2 {
            play(&mut client, "> {\"action\":\"echo\"}").await;
            server.event_of("echo").await;
            if route.ends_with("->") {
                client.next().await.unwrap().unwrap();
            }
        }
        let all = counted(server, &store, STAGE).await;
        assert!(all.lines().any(|line| line == expected), "{all}");
    };
    // One more is the connection, another its end.
    check("echo ok", "MessageCount 4 in 4").await;
    check("echo echo ->", "MessageCount 6 in 6").await;
}

#[tokio::test]
async fn every_operation_is_a_sample_of_each_error() {
    let routes = "$connect ok\n$disconnect ok\necho echo ->\nbusy busy\nthrows throws\nslow hangs 20ms";
    let (server, store) = server(routes, (None, None)).await;
    let mut client = server.connect().await;
    for action in ["echo", "throws", "slow", "nope"] {
        play(&mut client, &format!("> {{\"action\":\"{action}\"}}")).await;
        client.next().await.unwrap().unwrap();
    }
    play(&mut client, "> {\"action\":\"busy\"}\n>!\n<!").await;
    insta::assert_snapshot!(counted(server, &store, STAGE).await, @r"
    ClientError 1 in 7
    ConnectCount 1 in 1
    ExecutionError 3 in 7
    IntegrationError 0 in 7
    MessageCount 8 in 8
    ");
}

#[tokio::test]
async fn a_connect_that_is_refused_counts_and_is_the_clients_error() {
    let (server, store) = server("$connect refuses", (None, None)).await;
    server.refusal("/prod", &[]).await;
    insta::assert_snapshot!(counted(server, &store, STAGE).await, @r"
    ClientError 1 in 1
    ConnectCount 1 in 1
    ExecutionError 0 in 1
    IntegrationError 0 in 1
    MessageCount 1 in 1
    ");
}

#[tokio::test]
async fn without_a_connect_route_nothing_was_connected_by_one() {
    let (server, store) = server("echo ok", (None, None)).await;
    let mut client = server.connect().await;
    play(&mut client, ">!\n<!").await;
    insta::assert_snapshot!(counted(server, &store, STAGE).await, @r"
    ClientError 0 in 2
    ExecutionError 0 in 2
    IntegrationError 0 in 2
    MessageCount 2 in 2
    ");
}

#[tokio::test]
async fn callbacks_have_series_of_their_own_without_latency() {
    let (mut server, store) = server("$connect ok", (Some(true), None)).await;
    let client = server.connect().await;
    let path = Server::path_of(&server.event().await);
    server.http("POST", &path, b"x").await;
    server.http("POST", &path, b"x").await;
    server.http("GET", &path, b"").await;
    server.http("DELETE", &path, b"").await;
    drop(client);
    server.http("POST", &path, b"x").await;
    let dimensions = "ApiId=a1b2c3d4e5 Route=POST /@connections/{connectionId} Stage=prod";
    insta::assert_snapshot!(counted(server, &store, dimensions).await, @r"
    ClientError 1 in 3
    ExecutionError 0 in 3
    IntegrationError 0 in 3
    MessageCount 2 in 2
    ");
    let latency = "IntegrationLatency {ApiId=a1b2c3d4e5 Route=POST";
    assert!(!series(&store).iter().any(|line| line.starts_with(latency)));
}

/// The sets of dimensions that have a count of messages.
async fn sets(detailed: Detailed) -> String {
    let (server, store) = server("$connect ok\necho echo ->\nother echo ->", detailed).await;
    let mut client = server.connect().await;
    for action in ["echo", "other", "nope"] {
        play(&mut client, &format!("> {{\"action\":\"{action}\"}}")).await;
        client.next().await.unwrap().unwrap();
    }
    server.stop().await;
    let all = series(&store);
    let sets = all.iter().filter_map(|line| line.strip_prefix("MessageCount "));
    sets.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn routes_have_series_only_with_detailed_metrics() {
    insta::assert_snapshot!(sets((None, None)).await, @r"
    {ApiId=a1b2c3d4e5 Stage=prod} 7 in 7
    {ApiId=a1b2c3d4e5} 7 in 7
    ");
    insta::assert_snapshot!(sets((Some(false), Some(true))).await, @r"
    {ApiId=a1b2c3d4e5 Route=echo Stage=prod} 2 in 2
    {ApiId=a1b2c3d4e5 Stage=prod} 7 in 7
    {ApiId=a1b2c3d4e5} 7 in 7
    ");
    // What selects no route has no series of one.
    let all = "
    {ApiId=a1b2c3d4e5 Route=$connect Stage=prod} 1 in 1
    {ApiId=a1b2c3d4e5 Route=$disconnect Stage=prod} 1 in 1
    {ApiId=a1b2c3d4e5 Route=echo Stage=prod} 2 in 2
    {ApiId=a1b2c3d4e5 Route=other Stage=prod} 2 in 2
    {ApiId=a1b2c3d4e5 Stage=prod} 7 in 7
    {ApiId=a1b2c3d4e5} 7 in 7";
    let all = all.trim().replace("    ", "");
    assert_eq!(sets((Some(true), None)).await, all);
    assert_eq!(sets((Some(true), Some(false))).await, all, "a default of true stays in force");
}

#[tokio::test(start_paused = true)]
async fn latency_is_that_of_integrations() {
    let (mut server, store) = server("echo held ->", (None, None)).await;
    let mut client = server.connect().await;
    play(&mut client, "> {\"action\":\"echo\"}").await;
    server.event_of("echo").await;
    tokio::time::advance(std::time::Duration::from_millis(24)).await;
    server.lambda.release.add_permits(1);
    client.next().await.unwrap().unwrap();
    server.stop().await;
    let latency: Vec<_> =
        series(&store).into_iter().filter(|line| line.starts_with("IntegrationLatency")).collect();
    assert_eq!(
        latency,
        [
            "IntegrationLatency {ApiId=a1b2c3d4e5 Stage=prod} 24 in 1",
            "IntegrationLatency {ApiId=a1b2c3d4e5} 24 in 1"
        ]
    );
}
