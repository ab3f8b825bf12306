//! Rows as DynamoDB items. Every attribute name goes through a placeholder: some of them are
//! reserved words.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;

use crate::auth::ticket::{Pass, Ticket};
use crate::channel::Channel;
use crate::ids::{ConnectionId, UserId};
use crate::model::history::{Entry, Head, Kept};
use crate::model::keys::{self, Key, PARTITION, SORT};
use crate::model::spread::Spread;
use crate::model::{Connection, Mark, Member, State, Subscription};

/// An item, by attribute.
pub(super) type Item = HashMap<String, AttributeValue>;

/// The attribute of the connection's state.
pub(super) const STATE: &str = "st";
/// The attribute that says that the client was let in.
pub(super) const GREETED: &str = "hi";
/// The attribute of a connection's subscriptions.
pub(super) const SUBSCRIPTIONS: &str = "subs";
/// The attribute of an index row's hour.
pub(super) const EXPIRES: &str = "x";
/// The attribute of DynamoDB's time to live.
pub(super) const TTL: &str = "ttl";
/// The attribute of the user.
pub(super) const USER: &str = "u";
/// The attribute of what a token says of its client.
pub(super) const INFO: &str = "i";
/// The attribute of what a token allows.
pub(super) const CAPS: &str = "caps";
/// The attribute of a token's expiry.
pub(super) const TOKEN_EXPIRES: &str = "texp";
/// The attribute that says that a member is told who joins and leaves.
pub(super) const HEARS_JOINS: &str = "j";
/// The attribute of the offsets that did not reach a member.
pub(super) const MISSING: &str = "miss";
/// The attribute of how many shards a channel has.
pub(super) const SHARDS: &str = "n";
/// The attribute of a head's last offset.
pub(super) const SEQUENCE: &str = "seq";
/// The attribute of a head's epoch.
pub(super) const EPOCH: &str = "ep";
/// The attribute of the hour until which a member's reply may be on its way.
pub(super) const WAITS: &str = "w";
/// The attribute of the offset up to which an ordered channel was delivered.
pub(super) const DELIVERED: &str = "wm";
/// The attribute of until when a connection's commands have used up their rate.
pub(super) const RATE: &str = "rate";
/// The attribute of the offset up to which a server has removed the history.
pub(super) const REMOVED: &str = "min";
/// The attribute that says that a remembered publication was handed out.
pub(super) const HANDED_OUT: &str = "ok";
/// The attribute of who delivers it.
pub(super) const OWNER: &str = "own";
/// The attribute of until when.
pub(super) const BUSY_UNTIL: &str = "lx";
/// The attribute of a publication's time, and of a head's last move.
pub(super) const AT: &str = "t";
/// The attribute that says that a reader has closed the place.
pub(super) const VOID: &str = "void";
const DATA: &str = "d";
const TAGS: &str = "tg";
const CLIENT: &str = "c";
/// The attribute of the time at which a connection opened.
pub(super) const CONNECTED_AT: &str = "at";

/// A whole number.
pub(super) fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// A set of offsets.
pub(super) fn offsets(offsets: &[u64]) -> AttributeValue {
    AttributeValue::Ns(offsets.iter().map(ToString::to_string).collect())
}

/// A key as an item.
pub(super) fn key(key: Key) -> Item {
    Item::from([
        (PARTITION.to_owned(), AttributeValue::S(key.partition)),
        (SORT.to_owned(), AttributeValue::S(key.sort)),
    ])
}

/// The row of a connection that just opened.
pub(super) fn connection(connection: &Connection) -> Item {
    let mut row = key(keys::connection(&connection.id));
    row.insert(STATE.to_owned(), AttributeValue::S(connection.state.as_str().to_owned()));
    row.insert(SUBSCRIPTIONS.to_owned(), AttributeValue::M(HashMap::new()));
    row.insert(CONNECTED_AT.to_owned(), number(connection.connected_at));
    row.insert(TTL.to_owned(), number(connection.row_ttl()));
    insert_text(&mut row, USER, connection.user.as_ref());
    insert_text(&mut row, INFO, connection.info.as_ref());
    if let Some(at) = connection.token_expires_at {
        row.insert(TOKEN_EXPIRES.to_owned(), number(at));
    }
    row
}

/// A connection's row read back; `None` for a row that is not one of ours.
pub(super) fn to_connection(id: &ConnectionId, row: &Item) -> Option<Connection> {
    let state = match row.get(STATE)?.as_s().ok()?.as_str() {
        "open" => State::Open,
        "closed" => State::Closed,
        _ => return None,
    };
    let text = |attribute: &str| row.get(attribute).and_then(|value| value.as_s().ok());
    let subscriptions = row.get(SUBSCRIPTIONS).and_then(|value| value.as_m().ok());
    let number = |attribute: &str| row.get(attribute).and_then(|value| value.as_n().ok()?.parse().ok());
    Some(Connection {
        id: id.clone(),
        state,
        user: text(USER).map(|user| UserId::from(user.as_str())),
        info: text(INFO).cloned(),
        token_expires_at: number(TOKEN_EXPIRES),
        // What is in the row was read from a token.
        caps: text(CAPS).and_then(|caps| serde_json::from_str(caps).ok()).unwrap_or_default(),
        greeted: row.contains_key(GREETED),
        subscriptions: subscriptions.map(to_subscriptions).unwrap_or_default(),
        connected_at: number(CONNECTED_AT).unwrap_or_default(),
        busy_until: number(RATE).unwrap_or_default(),
    })
}

fn to_subscriptions(map: &Item) -> BTreeMap<Channel, Subscription> {
    let entry = |(channel, value): (&String, &AttributeValue)| {
        Some((Channel::parse(channel)?, to_subscription(value.as_s().ok()?)))
    };
    map.iter().filter_map(entry).collect()
}

/// A subscription as the connection's row lists it: most are an id and nothing else.
pub(super) fn subscription(subscription: &Subscription) -> AttributeValue {
    let mut text = subscription.id.to_string();
    if let Some(at) = subscription.expires_at {
        text.push_str(&format!(";x{at}"));
    }
    if subscription.hears_joins {
        text.push_str(";j");
    }
    AttributeValue::S(text)
}

fn to_subscription(text: &str) -> Subscription {
    let mut parts = text.split(';');
    let mut subscription = Subscription::from(parts.next().unwrap_or_default());
    for part in parts {
        match part.strip_prefix('x') {
            Some(at) => subscription.expires_at = at.parse().ok(),
            None => subscription.hears_joins |= part == HEARS_JOINS,
        }
    }
    subscription
}

/// The row that makes a connection a member.
pub(super) fn member(
    channel: &Channel,
    connection: &Connection,
    subscription: &Subscription,
    waits_until: Option<i64>,
) -> Item {
    let key = keys::member(channel, &connection.id, &subscription.id);
    let mut row = index(key, connection.member_expires_at(subscription));
    if subscription.hears_joins {
        row.insert(HEARS_JOINS.to_owned(), AttributeValue::Bool(true));
    }
    if let Some(until) = waits_until {
        row.insert(WAITS.to_owned(), number(until));
    }
    insert_text(&mut row, USER, connection.user.as_ref());
    insert_text(&mut row, INFO, connection.info.as_ref());
    row
}

/// The row that makes a connection one of the user's.
pub(super) fn device(user: &UserId, connection: &Connection) -> Item {
    let mut row = index(keys::device(user, &connection.id), connection.expires_at());
    row.insert(CONNECTED_AT.to_owned(), number(connection.connected_at));
    row
}

/// The row that lists a connection by the time at which it opened.
pub(super) fn opened(connection: &Connection) -> Item {
    let mut row = key(keys::opened(&connection.id, connection.connected_at));
    row.insert(CONNECTED_AT.to_owned(), number(connection.connected_at));
    row.insert(TTL.to_owned(), number(connection.row_ttl()));
    row
}

/// The row of a ticket.
pub(super) fn ticket(ticket: &Ticket, pass: &Pass, expires_at: i64) -> Item {
    let mut row = index(keys::ticket(&ticket.hash()), expires_at);
    insert_text(&mut row, USER, Some(&pass.user));
    insert_text(&mut row, INFO, pass.info.as_ref());
    if let Some(expires_at) = pass.expires_at {
        row.insert(TOKEN_EXPIRES.to_owned(), number(expires_at));
    }
    row
}

/// What a ticket's row was issued for.
pub(super) fn to_pass(row: &Item) -> Option<Pass> {
    let text = |attribute: &str| row.get(attribute).and_then(|value| value.as_s().ok());
    let expires_at = row.get(TOKEN_EXPIRES).and_then(|value| value.as_n().ok()?.parse().ok());
    Some(Pass { user: UserId::from(text(USER)?), info: text(INFO).cloned(), expires_at })
}

/// The member of a member row.
pub(super) fn to_member(row: &Item) -> Option<Member> {
    let text = |attribute: &str| row.get(attribute).and_then(|value| value.as_s().ok());
    let (connection, subscription) = keys::to_member(text(SORT)?)?;
    let user = text(USER).map(|user| UserId::from(user.as_str()));
    let hears_joins = row.contains_key(HEARS_JOINS);
    let waits_until = row.get(WAITS).and_then(|value| value.as_n().ok()?.parse().ok());
    let (info, missing) = (text(INFO).cloned(), to_missing(row));
    Some(Member { connection, subscription, user, info, hears_joins, missing, waits_until })
}

/// Over how many shards a channel is spread, of the row that says so.
pub(super) fn to_spread(row: &Item) -> Option<Spread> {
    let shards = row.get(SHARDS)?.as_n().ok()?.parse().ok()?;
    Some(Spread { shards, ttl: row.get(TTL).and_then(|ttl| ttl.as_n().ok()?.parse().ok()).unwrap_or(0) })
}

/// What did not reach the member of a row.
pub(super) fn to_missing(row: &Item) -> BTreeSet<u64> {
    let missing = row.get(MISSING).and_then(|value| value.as_ns().ok());
    missing.into_iter().flatten().filter_map(|offset| offset.parse().ok()).collect()
}

/// The head of a channel's sequence.
pub(super) fn to_head(row: &Item) -> Option<Head> {
    Some(Head {
        epoch: row.get(EPOCH)?.as_s().ok()?.clone(),
        offset: row.get(SEQUENCE)?.as_n().ok()?.parse().ok()?,
        moved_at: row.get(AT)?.as_n().ok()?.parse().ok()?,
        delivered: row.get(DELIVERED).and_then(|value| value.as_n().ok()?.parse().ok()),
        busy_until: row.get(BUSY_UNTIL).and_then(|value| value.as_n().ok()?.parse().ok()),
        removed: row.get(REMOVED).and_then(|value| value.as_n().ok()?.parse().ok()).unwrap_or_default(),
    })
}

/// The row of an entry.
pub(super) fn entry(partition: String, entry: &Entry, ttl: i64) -> Item {
    let mut row = key(Key { partition, sort: keys::offset(entry.offset) });
    row.insert(AT.to_owned(), number(entry.at));
    row.insert(TTL.to_owned(), number(ttl));
    match &entry.kept {
        Some(kept) => {
            insert_text(&mut row, DATA, Some(&kept.data));
            insert_text(&mut row, USER, kept.user.as_ref());
            insert_text(&mut row, CLIENT, kept.client.as_ref());
            insert_text(&mut row, INFO, kept.info.as_ref());
            insert_text(&mut row, TAGS, kept.tags.as_ref());
        }
        None => drop(row.insert(VOID.to_owned(), AttributeValue::Bool(true))),
    }
    row
}

/// The entry of a row.
pub(super) fn to_entry(row: &Item) -> Option<Entry> {
    let text = |attribute: &str| row.get(attribute).and_then(|value| value.as_s().ok());
    let kept = || {
        Some(Kept {
            data: text(DATA)?.clone(),
            user: text(USER).map(|user| UserId::from(user.as_str())),
            client: text(CLIENT).map(|client| client.as_str().into()),
            info: text(INFO).cloned(),
            tags: text(TAGS).cloned(),
        })
    };
    Some(Entry {
        offset: text(SORT)?.parse().ok()?,
        at: row.get(AT)?.as_n().ok()?.parse().ok()?,
        kept: if row.contains_key(VOID) { None } else { Some(kept()?) },
    })
}

/// The row of an idempotency key.
pub(super) fn mark(at: Key, mark: &Mark) -> Item {
    let mut row = key(at);
    row.insert(OWNER.to_owned(), AttributeValue::S(mark.owner.clone()));
    row.insert(TTL.to_owned(), number(mark.expires_at));
    if let Some((epoch, offset)) = &mark.place {
        row.insert(EPOCH.to_owned(), AttributeValue::S(epoch.clone()));
        row.insert(SEQUENCE.to_owned(), AttributeValue::N(offset.to_string()));
    }
    if mark.done {
        row.insert(HANDED_OUT.to_owned(), AttributeValue::Bool(true));
    }
    row
}

/// What the row of an idempotency key says.
pub(super) fn to_mark(row: &Item) -> Option<Mark> {
    let place =
        || Some((row.get(EPOCH)?.as_s().ok()?.clone(), row.get(SEQUENCE)?.as_n().ok()?.parse().ok()?));
    Some(Mark {
        owner: row.get(OWNER)?.as_s().ok()?.clone(),
        place: place(),
        done: row.contains_key(HANDED_OUT),
        expires_at: row.get(TTL)?.as_n().ok()?.parse().ok()?,
    })
}

fn index(at: Key, expires_at: i64) -> Item {
    let mut row = key(at);
    row.insert(EXPIRES.to_owned(), number(expires_at));
    row.insert(TTL.to_owned(), number(expires_at));
    row
}

fn insert_text(row: &mut Item, attribute: &str, text: Option<&impl ToString>) {
    if let Some(text) = text {
        row.insert(attribute.to_owned(), AttributeValue::S(text.to_string()));
    }
}
