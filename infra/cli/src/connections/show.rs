//! Connections as a table and as JSON.

use std::fmt::Write as _;

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use jiff::Timestamp;
use serde_json::{Value, json};
use shared::adapters::Found;
use shared::model::Connection;

/// Channels that fit in a table.
const CHANNELS: usize = 3;

/// A table, and below it how many there are and what the look has cost.
pub(super) fn table(found: &Found, read_units: f64) -> String {
    let count = found.connections.len();
    let mut text = String::new();
    if count > 0 {
        let mut table = Table::new();
        table.load_style(NOTHING).set_header(["Connection", "User", "Since", "Token until", "Channels"]);
        for connection in &found.connections {
            table.add_row([
                connection.id.to_string(),
                user(connection).unwrap_or("-").to_owned(),
                time(connection.connected_at),
                connection
                    .token_expires_at
                    .map_or_else(|| "-".to_owned(), |at| time(at.saturating_mul(1000))),
                channels(connection),
            ]);
        }
        // The lines begin where other text does.
        for line in table.lines() {
            let _ = writeln!(text, "{}", line.strip_prefix(' ').unwrap_or(&line).trim_end());
        }
        text.push('\n');
    }
    let s = if count == 1 { "" } else { "s" };
    let more = if found.more { ", and there may be more: see --limit" } else { "" };
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{count} connection{s}{more}. Read units: {read_units}.");
    text
}

/// A line for each.
pub(super) fn json(found: &Found) -> String {
    let line = |connection: &Connection| {
        let channels: Vec<_> = connection.subscriptions.keys().map(ToString::to_string).collect();
        let token = connection.token_expires_at.map(|at| json!(time(at.saturating_mul(1000))));
        let members = [
            ("channels", Some(json!(channels))),
            ("connectedAt", Some(json!(time(connection.connected_at)))),
            ("connectionId", Some(json!(connection.id.as_str()))),
            ("greeted", Some(json!(connection.greeted))),
            ("tokenExpiresAt", token),
            ("user", user(connection).map(|user| json!(user))),
        ];
        let known = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        format!("{}\n", Value::Object(known.collect()))
    };
    found.connections.iter().map(line).collect()
}

fn user(connection: &Connection) -> Option<&str> {
    connection.user.as_ref().map(|user| user.as_str())
}

/// The first few by name, and how many others there are.
fn channels(connection: &Connection) -> String {
    let all = connection.subscriptions.len();
    if all == 0 {
        return if connection.greeted { "-" } else { "(no connect command yet)" }.to_owned();
    }
    let mut text = connection
        .subscriptions
        .keys()
        .take(CHANNELS)
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ");
    if all > CHANNELS {
        let _ = write!(text, " and {} more", all - CHANNELS);
    }
    text
}

/// A time in milliseconds since the epoch, to the second.
fn time(ms: i64) -> String {
    let time = Timestamp::from_second(ms.div_euclid(1000));
    time.map_or_else(|_| ms.to_string(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use shared::channel::Channel;

    use super::*;

    fn found() -> Found {
        let opened = |id: &str, user: Option<&str>| {
            Connection::opened(id.into(), user.map(Into::into), 1_790_328_012_345)
        };
        let channel = |n| (Channel::parse(&format!("room:{n}")).unwrap(), "s".into());
        let subscribed = Connection {
            greeted: true,
            token_expires_at: Some(1_790_331_612),
            subscriptions: (1..=5).map(channel).collect(),
            ..opened("L0SM9cOFvHcCIhw=", Some("alice"))
        };
        Found { connections: vec![subscribed, opened("M0SM9cOFvHcCIhw=", None)], more: true }
    }

    #[test]
    fn a_table_says_who_is_there() {
        insta::assert_snapshot!(table(&found(), 2.5), @r"
        Connection        User   Since                 Token until           Channels
        L0SM9cOFvHcCIhw=  alice  2026-09-25T09:20:12Z  2026-09-25T10:20:12Z  room:1, room:2, room:3 and 2 more
        M0SM9cOFvHcCIhw=  -      2026-09-25T09:20:12Z  -                     (no connect command yet)

        2 connections, and there may be more: see --limit. Read units: 2.5.
        ");
        let none = Found { connections: Vec::new(), more: false };
        assert_eq!(table(&none, 0.5), "0 connections. Read units: 0.5.\n");
    }

    #[test]
    fn json_has_a_line_for_each() {
        insta::assert_snapshot!(json(&found()), @r#"
        {"channels":["room:1","room:2","room:3","room:4","room:5"],"connectedAt":"2026-09-25T09:20:12Z","connectionId":"L0SM9cOFvHcCIhw=","greeted":true,"tokenExpiresAt":"2026-09-25T10:20:12Z","user":"alice"}
        {"channels":[],"connectedAt":"2026-09-25T09:20:12Z","connectionId":"M0SM9cOFvHcCIhw=","greeted":false}
        "#);
    }
}
