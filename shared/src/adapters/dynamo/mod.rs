//! The table in DynamoDB. No Scan, no secondary index, no transaction: single-row writes with
//! conditions, and strongly consistent reads. Only an operator's look at all connections scans
//! ([`Connections`]).

mod history;
mod inspect;
mod item;
mod server;
mod sweep;
mod ticket;
mod write;

pub use inspect::{Connections, Found};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::operation::query::QueryOutput;
use aws_sdk_dynamodb::types::{AttributeValue, ConsumedCapacity, ReturnConsumedCapacity};

use crate::channel::Channel;
use crate::ids::{ConnectionId, SubscriptionId, UserId};
use crate::model::spread::Spread;
use crate::model::{Connection, Subscription, keys};
use crate::ports::{
    CountDevices, DeleteIndex, ListMembers, MemberPage, PutIndex, ReadConnection, ReadSpread, StoreError,
};
use crate::telemetry::Usage;

/// Write units of a conditional write that was refused: DynamoDB charges it all the same, and
/// the error does not say how much. Our rows are mostly below 1 KB.
const REFUSED_WRITE_UNITS: f64 = 1.0;

/// The rows of one table. Clones share the client.
#[derive(Debug, Clone)]
pub struct Table {
    client: Client,
    name: String,
    usage: Usage,
}

impl Table {
    /// The table `name`; what its calls consume is added to `usage`.
    #[must_use]
    pub const fn new(client: Client, name: String, usage: Usage) -> Self {
        Self { client, name, usage }
    }

    async fn put_row(
        &self,
        row: std::collections::HashMap<String, AttributeValue>,
    ) -> Result<(), StoreError> {
        let put = self.client.put_item().table_name(&self.name).set_item(Some(row));
        let put = put.return_consumed_capacity(ReturnConsumedCapacity::Total);
        let output = put.send().await.map_err(|error| failed(&error))?;
        self.wrote(output.consumed_capacity());
        Ok(())
    }

    async fn delete_row(&self, key: keys::Key) -> Result<(), StoreError> {
        let delete = self.client.delete_item().table_name(&self.name).set_key(Some(item::key(key)));
        let delete = delete.return_consumed_capacity(ReturnConsumedCapacity::Total);
        let output = delete.send().await.map_err(|error| failed(&error))?;
        self.wrote(output.consumed_capacity());
        Ok(())
    }

    /// One page of a partition's rows that have not expired, and that have no hour.
    async fn live_page(
        &self,
        partition: &str,
        now_s: i64,
        from: Option<std::collections::HashMap<String, AttributeValue>>,
    ) -> Result<QueryOutput, StoreError> {
        let query = self.client.query().table_name(&self.name).consistent_read(true);
        let query = query
            .key_condition_expression("#pk = :pk")
            .filter_expression("#x > :now OR attribute_exists(#n)");
        let query = query.projection_expression("#sk, #u, #i, #j, #miss, #w, #n");
        let query = query.expression_attribute_names("#pk", keys::PARTITION);
        let query = query.expression_attribute_names("#sk", keys::SORT);
        let query = query.expression_attribute_names("#u", item::USER);
        let query = query.expression_attribute_names("#i", item::INFO);
        let query = query.expression_attribute_names("#j", item::HEARS_JOINS);
        let query = query.expression_attribute_names("#miss", item::MISSING);
        let query = query.expression_attribute_names("#w", item::WAITS);
        let query = query.expression_attribute_names("#x", item::EXPIRES);
        let query = query.expression_attribute_names("#n", item::SHARDS);
        let query = query.expression_attribute_values(":pk", AttributeValue::S(partition.to_owned()));
        let query = query.expression_attribute_values(":now", item::number(now_s));
        let query = query.return_consumed_capacity(ReturnConsumedCapacity::Total);
        let output = query.set_exclusive_start_key(from).send().await.map_err(|error| failed(&error))?;
        self.read_units(output.consumed_capacity());
        Ok(output)
    }

    fn wrote(&self, consumed: Option<&ConsumedCapacity>) {
        self.usage.add_write(consumed.and_then(ConsumedCapacity::capacity_units).unwrap_or_default());
    }

    fn read_units(&self, consumed: Option<&ConsumedCapacity>) {
        self.usage.add_read(consumed.and_then(ConsumedCapacity::capacity_units).unwrap_or_default());
    }

    fn refused(&self) {
        self.usage.add_write(REFUSED_WRITE_UNITS);
    }
}

impl ReadConnection for Table {
    async fn read(&self, id: &ConnectionId) -> Result<Option<Connection>, StoreError> {
        let get = self.client.get_item().table_name(&self.name).consistent_read(true);
        let get = get.set_key(Some(item::key(keys::connection(id))));
        let get = get.return_consumed_capacity(ReturnConsumedCapacity::Total);
        let output = get.send().await.map_err(|error| failed(&error))?;
        self.read_units(output.consumed_capacity());
        Ok(output.item.as_ref().and_then(|row| item::to_connection(id, row)))
    }
}

impl PutIndex for Table {
    async fn put_member(
        &self,
        channel: &Channel,
        connection: &Connection,
        subscription: &Subscription,
        waits_until: Option<i64>,
    ) -> Result<(), StoreError> {
        self.put_row(item::member(channel, connection, subscription, waits_until)).await
    }

    async fn put_device(&self, user: &UserId, connection: &Connection) -> Result<(), StoreError> {
        self.put_row(item::device(user, connection)).await
    }

    async fn put_opened(&self, connection: &Connection) -> Result<(), StoreError> {
        self.put_row(item::opened(connection)).await
    }
}

impl DeleteIndex for Table {
    async fn delete_member(
        &self,
        channel: &Channel,
        connection: &ConnectionId,
        subscription: &SubscriptionId,
    ) -> Result<(), StoreError> {
        self.delete_row(keys::member(channel, connection, subscription)).await
    }

    async fn delete_device(&self, user: &UserId, connection: &ConnectionId) -> Result<(), StoreError> {
        self.delete_row(keys::device(user, connection)).await
    }

    async fn delete_opened(&self, connection: &ConnectionId, connected_at: i64) -> Result<(), StoreError> {
        self.delete_row(keys::opened(connection, connected_at)).await
    }
}

impl CountDevices for Table {
    async fn devices(&self, user: &UserId, now_s: i64) -> Result<usize, StoreError> {
        let (mut count, mut from) = (0, None);
        loop {
            let page = self.live_page(&keys::devices(user), now_s, from).await?;
            count += page.items().len();
            from = page.last_evaluated_key;
            if from.is_none() {
                return Ok(count);
            }
        }
    }
}

impl ListMembers for Table {
    async fn members(
        &self,
        channel: &Channel,
        shard: u16,
        now_s: i64,
        after: Option<&str>,
    ) -> Result<MemberPage, StoreError> {
        let partition = keys::members(channel, shard);
        let from =
            after.map(|sort| item::key(keys::Key { partition: partition.clone(), sort: sort.to_owned() }));
        let page = self.live_page(&partition, now_s, from).await?;
        let spread = page.items().first().and_then(item::to_spread);
        let is_first = shard == 0 && after.is_none();
        let last = page.last_evaluated_key().and_then(|key| key.get(keys::SORT)?.as_s().ok());
        Ok(MemberPage {
            members: page.items().iter().filter_map(item::to_member).collect(),
            shards: if is_first { spread.map_or(1, |spread| spread.shards) } else { 0 },
            next: last.cloned(),
        })
    }
}

impl ReadSpread for Table {
    async fn read_spread(&self, channel: &Channel) -> Result<Option<Spread>, StoreError> {
        let get = self.client.get_item().table_name(&self.name);
        let get = get.set_key(Some(item::key(keys::spread(channel))));
        let get = get.return_consumed_capacity(ReturnConsumedCapacity::Total);
        let output = get.send().await.map_err(|error| failed(&error))?;
        self.read_units(output.consumed_capacity());
        Ok(output.item.as_ref().and_then(item::to_spread))
    }
}

fn failed<E, R>(error: &SdkError<E, R>) -> StoreError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: std::fmt::Debug,
{
    let text = DisplayErrorContext(error).to_string();
    match error.code() {
        Some("ProvisionedThroughputExceededException" | "ThrottlingException" | "RequestLimitExceeded") => {
            StoreError::Throttled(text)
        }
        _ => StoreError::Failed(text),
    }
}
