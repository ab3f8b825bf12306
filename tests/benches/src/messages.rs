//! Round trips of messages in a closed loop: each connection has one message under way.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use crate::Failure;
use crate::cpu::Spent;
use crate::figures::{Durations, Figures};

/// Not measured: environments start, allocators and caches warm up.
const WARM_UP: Duration = Duration::from_secs(2);

/// Measured, after that.
const MEASURED: Duration = Duration::from_secs(4);

/// Connections of the two measurements of each kind.
const CONNECTIONS: [usize; 2] = [1, 50];

/// An open WebSocket.
pub(crate) type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Round trips of a route: `mock` and `echo` come back by a route response, `post` and `raw` by a
/// function that posts them. `spent` tells what a gateway and its functions have spent so far.
pub(crate) async fn round_trips(
    url: &str,
    route: &str,
    who: &str,
    spent: Option<&dyn Fn() -> Result<Spent, Failure>>,
    figures: &mut Figures,
) -> Result<(), Failure> {
    let message = format!(r#"{{"route":"{route}","text":"ten bytes."}}"#);
    for connections in CONNECTIONS {
        let since = Instant::now() + WARM_UP;
        let until = since + MEASURED;
        let before = async {
            sleep_until(since).await;
            spent.map(|spent| spent()).transpose()
        };
        let (durations, before) =
            tokio::try_join!(closed_loop(url, connections, &message, since, until), before)?;
        let plural = if connections == 1 { "" } else { "s" };
        let name = format!("{route}, {connections} connection{plural}, {who}");
        #[expect(clippy::cast_precision_loss, reason = "a count of messages of a few seconds")]
        let count = durations.count() as f64;
        figures.add(&format!("{name}: messages/s"), count / since.elapsed().as_secs_f64());
        figures.add_durations(&name, &durations);
        if let (Some(before), Some(spent)) = (before, spent) {
            let after = spent()?;
            let each = |before: Duration, after: Duration| {
                after.saturating_sub(before).as_secs_f64() * 1_000_000.0 / count
            };
            figures.add(&format!("{name}: CPU of the gateway, us each"), each(before.gateway, after.gateway));
            if !after.functions.is_zero() && route != "mock" {
                let functions = each(before.functions, after.functions);
                figures.add(&format!("{name}: CPU of functions, us each"), functions);
            }
        }
    }
    Ok(())
}

/// Sends a message on each connection, waits for it to come back, and sends it again. The durations
/// are those of round trips that began between the two times.
pub(crate) async fn closed_loop(
    url: &str,
    connections: usize,
    message: &str,
    since: Instant,
    until: Instant,
) -> Result<Durations, Failure> {
    let mut clients = JoinSet::new();
    for _ in 0..connections {
        let (mut client, message) = (connect(url).await?, message.to_owned());
        clients.spawn(async move {
            let mut durations = Durations::default();
            loop {
                let begun = Instant::now();
                if begun >= until {
                    return Ok(durations);
                }
                let answer = ask(&mut client, &message).await.map_err(|error| error.to_string())?;
                if answer != message {
                    return Err(format!("{message} came back as {answer}"));
                }
                if begun >= since {
                    durations.push(begun.elapsed());
                }
            }
        });
    }
    let mut all = Durations::default();
    while let Some(one) = clients.join_next().await {
        all.append(one??);
    }
    Ok(all)
}

/// Opens a WebSocket whose frames are not held back.
pub(crate) async fn connect(url: &str) -> Result<Client, Failure> {
    Ok(connect_async_with_config(url, None, true).await?.0)
}

/// Sends a text and gives the next text that comes.
pub(crate) async fn ask(client: &mut Client, text: &str) -> Result<String, Failure> {
    client.send(Message::text(text)).await?;
    match client.next().await.ok_or("the socket ended")?? {
        Message::Text(answer) => Ok(answer.to_string()),
        other => Err(format!("expected a text, got {other:?}").into()),
    }
}
