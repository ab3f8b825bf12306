//! A document over real HTTP, from a server on this machine.

use std::net::Ipv4Addr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// Serves one answer to one request; gives the URL.
async fn serve(answer: Option<String>) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            assert_ne!(stream.read_buf(&mut request).await.unwrap(), 0, "the request is whole");
        }
        match answer {
            // The client may have enough before the end.
            Some(answer) => drop(stream.write_all(answer.as_bytes()).await),
            None => drop(stream.read_buf(&mut request).await),
        }
    });
    format!("http://{address}/keys.json")
}

fn answer(status: &str, body: &str) -> Option<String> {
    Some(format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
}

async fn check(answer: Option<String>, expected: Result<&str, &str>) {
    let fetched = JwksUrl::new(&serve(answer).await).unwrap().fetch().await;
    let fetched = fetched.map_err(|error| error.to_string());
    assert_eq!(fetched, expected.map(|text| Bytes::from(text.to_owned())).map_err(str::to_owned));
}

#[tokio::test]
async fn a_document_is_read() {
    check(answer("200 OK", r#"{"keys":[]}"#), Ok(r#"{"keys":[]}"#)).await;
}

#[tokio::test]
async fn an_answer_that_is_none_is_an_error() {
    check(answer("404 Not Found", "?"), Err("it answered 404")).await;
    let moved = "HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n".to_owned();
    check(Some(moved), Err("it answered 302")).await;
    check(answer("200 OK", &"x".repeat(MAX_BYTES + 1)), Err("length limit exceeded")).await;
}

#[tokio::test]
async fn a_server_that_hangs_is_given_up() {
    let hasty = JwksUrl { within: Duration::from_millis(20), ..JwksUrl::new(&serve(None).await).unwrap() };
    assert_eq!(hasty.fetch().await, Err(FetchError("no answer within 20 ms".to_owned())));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_an_error() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let error = JwksUrl::new(&url).unwrap().fetch().await.unwrap_err().to_string();
    assert!(error.contains("refused"), "{error}");
}
