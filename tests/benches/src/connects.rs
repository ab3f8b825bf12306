//! Connections that are opened and say nothing: how fast, and what each costs.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::Failure;
use crate::figures::{Durations, Figures};
use crate::processes::Switchboard;

/// Handshakes under way at the same time.
const AT_ONCE: usize = 64;

/// Handshakes before those that count.
const WARM_UP: usize = 1000;

/// Handshakes whose rate is measured.
const MEASURED: usize = 10_000;

/// Idle connections whose memory is measured.
const IDLE: usize = 20_000;

/// Files that the processes have open besides those connections.
const OTHER_FILES: usize = 200;

/// Connections from one address: there are about 28,000 ports for it.
const PER_ADDRESS: usize = 4000;

/// Measures how many connections a second `$connect` lets in.
pub(crate) async fn rate(switchboard: &Switchboard, figures: &mut Figures) -> Result<(), Failure> {
    open(switchboard, WARM_UP).await?;
    let begun = Instant::now();
    let (durations, _open) = open(switchboard, MEASURED).await?;
    #[expect(clippy::cast_precision_loss, reason = "a count of thousands")]
    let rate = durations.count() as f64 / begun.elapsed().as_secs_f64();
    figures.add("connects, 64 at once: connects/s", rate);
    figures.add_durations("connects, 64 at once", &durations);
    Ok(())
}

/// Measures what an idle connection adds to the resident memory of `up`.
pub(crate) async fn idle(
    switchboard: &Switchboard,
    files: u64,
    figures: &mut Figures,
) -> Result<(), Failure> {
    let count = IDLE.min(usize::try_from(files)?.saturating_sub(OTHER_FILES));
    drop(open(switchboard, WARM_UP).await?);
    let before = switchboard.resident_bytes()?;
    let (_, streams) = open(switchboard, count).await?;
    // What closing the first ones and opening these set free is free now.
    tokio::time::sleep_until(Instant::now() + Duration::from_secs(2)).await;
    let after = switchboard.resident_bytes()?;
    #[expect(clippy::cast_precision_loss, reason = "bytes of a process")]
    let each = after.saturating_sub(before) as f64 / streams.len() as f64;
    figures.add(&format!("idle, {} connections: bytes each", streams.len()), each);
    Ok(())
}

/// Opens connections, some at once; how long each handshake took, and the connections.
async fn open(switchboard: &Switchboard, count: usize) -> Result<(Durations, Vec<TcpStream>), Failure> {
    let (address, path) = switchboard.address()?;
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         User-Agent: bench\r\n\r\n"
    );
    let mut workers = JoinSet::new();
    for worker in 0..AT_ONCE {
        let request = request.clone();
        workers.spawn(async move {
            let (mut durations, mut streams) = (Durations::default(), Vec::new());
            for number in (worker..count).step_by(AT_ONCE) {
                let begun = Instant::now();
                let stream = handshake(address, number, &request).await.map_err(|error| error.to_string())?;
                durations.push(begun.elapsed());
                streams.push(stream);
            }
            Ok::<_, String>((durations, streams))
        });
    }
    let (mut durations, mut streams) = (Durations::default(), Vec::new());
    while let Some(worker) = workers.join_next().await {
        let (took, opened) = worker??;
        durations.append(took);
        streams.extend(opened);
    }
    Ok((durations, streams))
}

async fn handshake(address: SocketAddr, number: usize, request: &str) -> Result<TcpStream, Failure> {
    let socket = TcpSocket::new_v4()?;
    let host = u8::try_from(2 + number / PER_ADDRESS)?;
    socket.bind(SocketAddr::from(([127, 0, 0, host], 0)))?;
    let mut stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::with_capacity(512);
    while !answer.ends_with(b"\r\n\r\n") {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err("the handshake broke off".into());
        }
    }
    if !answer.starts_with(b"HTTP/1.1 101 ") {
        return Err(String::from_utf8_lossy(&answer).into_owned().into());
    }
    Ok(stream)
}
