//! Tickets open one handshake each.

use std::pin::pin;

use futures_util::future::join;

use super::*;
use crate::auth::ticket::Pass;
use crate::service::ticket::{issue, redeem};

fn pass() -> Pass {
    Pass { user: "bob".into(), info: Some(r#"{"a":1}"#.to_owned()), expires_at: Some(NOW / 1000 + 900) }
}

#[tokio::test]
async fn a_ticket_lets_in_once_and_for_a_minute() {
    let memory = Memory::default();
    let now_s = NOW / 1000;
    let ticket = issue(&memory, &pass(), now_s).await.unwrap();
    assert_eq!(redeem(&memory, ticket.as_str(), now_s + 59).await, Ok(Some(pass())));
    assert_eq!(redeem(&memory, ticket.as_str(), now_s + 59).await, Ok(None), "it is used up");
    let late = issue(&memory, &pass(), now_s).await.unwrap();
    assert_eq!(redeem(&memory, late.as_str(), now_s + 60).await, Ok(None));
    for none in ["", "bob", &"a".repeat(32)] {
        assert_eq!(redeem(&memory, none, now_s).await, Ok(None));
    }
}

#[tokio::test]
async fn of_two_with_one_ticket_one_is_let_in() {
    let memory = Memory::default();
    let ticket = issue(&memory, &pass(), NOW / 1000).await.unwrap();
    let redeem = || redeem(&memory, ticket.as_str(), NOW / 1000);
    let (one, other) = join(pin!(redeem()), pin!(redeem())).await;
    assert_eq!([one, other].iter().filter(|seen| **seen == Ok(Some(pass()))).count(), 1);
}
