//! What operators ask of the table, and functions never do.

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::channel::Channel;
use crate::ids::{ConnectionId, UserId};
use crate::model::{Connection, State, keys};
use crate::ports::{ReadConnection, StoreError};
use crate::service::members::seen;

use super::{Table, failed, item};

/// Rows that are read at once.
const READS: usize = 16;

/// Open connections, as an operator looks for them.
#[derive(Debug, Clone)]
pub struct Connections(Table);

/// Some connections, the longest open first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The connections.
    pub connections: Vec<Connection>,
    /// Whether there may be more of them.
    pub more: bool,
}

impl Connections {
    /// Those of a table.
    #[must_use]
    pub const fn of(table: Table) -> Self {
        Self(table)
    }

    /// Up to `most` of all connections. There is no index of them: it is a Scan, which reads every row
    /// up to the last of these, whatever it is, eventually consistent.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn all(&self, now_s: i64, most: usize) -> Result<Found, StoreError> {
        let (mut connections, mut from) = (Vec::new(), None);
        loop {
            let scan = self.0.client.scan().table_name(&self.0.name).set_exclusive_start_key(from);
            let scan = scan.filter_expression("begins_with(#pk, :pk) AND #st = :st");
            let scan = scan.expression_attribute_names("#pk", keys::PARTITION);
            let scan = scan.expression_attribute_names("#st", item::STATE);
            let scan =
                scan.expression_attribute_values(":pk", AttributeValue::S(keys::CONNECTIONS.to_owned()));
            let open = State::Open.as_str().to_owned();
            let scan = scan.expression_attribute_values(":st", AttributeValue::S(open));
            let scan = scan.return_consumed_capacity(ReturnConsumedCapacity::Total);
            let page = scan.send().await.map_err(|error| failed(&error))?;
            self.0.read_units(page.consumed_capacity());
            let found = page.items().iter().filter_map(|row| {
                let id = keys::to_connection(row.get(keys::PARTITION)?.as_s().ok()?)?;
                item::to_connection(&id, row)
            });
            connections.extend(found.filter(|connection| is_open(connection, now_s)));
            from = page.last_evaluated_key;
            if from.is_none() || connections.len() >= most {
                return Ok(found_up_to(connections, most, from.is_some()));
            }
        }
    }

    /// Those that are subscribed to a channel: a Query of its members, and a read of each.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn of_channel(&self, channel: &Channel, now_s: i64, most: usize) -> Result<Found, StoreError> {
        let (members, _) = seen(&self.0, channel, now_s).await?;
        self.read(members.into_iter().map(|member| member.connection).collect(), now_s, most).await
    }

    /// Those of a user: a Query, and a read of each.
    ///
    /// # Errors
    /// When the table does not answer.
    pub async fn of_user(&self, user: &UserId, now_s: i64, most: usize) -> Result<Found, StoreError> {
        let (mut ids, mut from) = (Vec::new(), None);
        loop {
            let page = self.0.live_page(&keys::devices(user), now_s, from).await?;
            let id = |row: &item::Item| Some(ConnectionId::from(row.get(keys::SORT)?.as_s().ok()?.as_str()));
            ids.extend(page.items().iter().filter_map(id));
            from = page.last_evaluated_key;
            if from.is_none() {
                break;
            }
        }
        self.read(ids, now_s, most).await
    }

    async fn read(&self, mut ids: Vec<ConnectionId>, now_s: i64, most: usize) -> Result<Found, StoreError> {
        let more = ids.len() > most;
        ids.truncate(most);
        let reads = stream::iter(&ids).map(|id| self.0.read(id)).buffered(READS);
        let rows: Vec<Option<Connection>> = reads.try_collect().await?;
        let open = rows.into_iter().flatten().filter(|connection| is_open(connection, now_s));
        Ok(found_up_to(open.collect(), most, more))
    }
}

fn is_open(connection: &Connection, now_s: i64) -> bool {
    connection.state == State::Open && connection.expires_at() > now_s
}

fn found_up_to(mut connections: Vec<Connection>, most: usize, more: bool) -> Found {
    let more = more || connections.len() > most;
    connections.truncate(most);
    connections.sort_by(|a, b| (a.connected_at, &a.id).cmp(&(b.connected_at, &b.id)));
    Found { connections, more }
}
