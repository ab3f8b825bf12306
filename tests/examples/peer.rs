//! A chat partner for other people's test suites: joins a channel with the published Rust client.
//!
//! `peer URL CHANNEL` prints `joined`, then the data of every publication; each line of standard
//! input is published. It ends with its input.

use std::error::Error;
use std::io::Write;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader, stdin};
use tokio_centrifuge::client::Client;
use tokio_centrifuge::config::Config;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, channel] = arguments.as_slice() else { return Err("usage: peer URL CHANNEL".into()) };
    let client = Client::new(url, Config::new().use_json().with_read_timeout(Duration::from_secs(20)));
    client.connect().await.map_err(|()| "it does not connect")?;
    let subscription = client.new_subscription(channel);
    subscription.on_publication(|publication| say(&String::from_utf8_lossy(&publication.data)));
    subscription.subscribe().await.map_err(|()| "it does not subscribe")?;
    say("joined");
    let mut lines = BufReader::new(stdin()).lines();
    while let Some(line) = lines.next_line().await? {
        subscription
            .publish(line.into_bytes())
            .await
            .map_err(|error| format!("it does not publish: {error:?}"))?;
    }
    client.disconnect().await;
    Ok(())
}

/// Writes a line for whoever listens; when nobody does, there is nobody to tell.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
