//! One client that does not read, beside others: the others must not feel it.

use std::time::Duration;

use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use crate::Failure;
use crate::figures::Figures;
use crate::messages::{self, ask, closed_loop, connect};
use crate::processes::Switchboard;

/// The others.
const CONNECTIONS: usize = 10;

/// How long they are measured.
const MEASURED: Duration = Duration::from_secs(5);

/// Bytes of a message that is posted to the one.
const POSTED: usize = 16 * 1024;

/// Time between two of those messages: 200 a second.
const EVERY: Duration = Duration::from_millis(5);

/// Measures the others while messages are posted to a client that reads, and to one that does not.
pub(crate) async fn reader(switchboard: &Switchboard, figures: &mut Figures) -> Result<(), Failure> {
    for (reads, name) in [(true, "beside one that reads"), (false, "beside one that does not read")] {
        let mut client = connect(&switchboard.url).await?;
        let id = ask(&mut client, r#"{"route":"id"}"#).await?;
        let posts = tokio::spawn(post(switchboard.address()?.0, switchboard.path(&id)?));
        let reading =
            tokio::spawn(async move { if reads { drain(client).await } else { hold(client).await } });
        // Time enough to fill every buffer.
        let since = Instant::now() + Duration::from_secs(2);
        let message = r#"{"route":"echo","text":"ten bytes."}"#;
        let durations = closed_loop(&switchboard.url, CONNECTIONS, message, since, since + MEASURED).await?;
        figures.add_durations(&format!("echo, {CONNECTIONS} connections, {name}"), &durations);
        reading.abort();
        posts.abort();
        if let Ok(Err(error)) = posts.await {
            return Err(error.into());
        }
    }
    Ok(())
}

async fn drain(mut client: messages::Client) {
    while client.next().await.is_some() {}
}

async fn hold(client: messages::Client) {
    let _client = client;
    std::future::pending().await
}

/// Posts to a connection again and again, whatever comes back.
async fn post(address: std::net::SocketAddr, path: String) -> Result<(), String> {
    let request = format!("POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {POSTED}\r\n\r\n");
    let request = request.into_bytes().into_iter().chain(std::iter::repeat_n(b'x', POSTED));
    let request: Vec<u8> = request.collect();
    let failed = |error: std::io::Error| format!("posting: {error}");
    let mut stream = TcpStream::connect(address).await.map_err(failed)?;
    stream.set_nodelay(true).map_err(failed)?;
    let mut answer = [0; 1024];
    let mut next = Instant::now();
    loop {
        stream.write_all(&request).await.map_err(failed)?;
        if stream.read(&mut answer).await.map_err(failed)? == 0 {
            return Err("posting: the connection was closed".to_owned());
        }
        next += EVERY;
        sleep_until(next).await;
    }
}
