//! Connections by the time at which they opened, and what they are subscribed to.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::{AttributeValue, KeysAndAttributes, ReturnConsumedCapacity};

use super::{Table, failed, item};
use crate::channel::Channel;
use crate::ids::ConnectionId;
use crate::model::opened::{Bucket, Opened};
use crate::model::{State, keys};
use crate::ports::{ListOpened, OpenedPage, ReadChannels, StoreError};

/// How often rows that DynamoDB has left out of an answer are asked for again.
const BATCH_ATTEMPTS: u32 = 5;

impl ListOpened for Table {
    async fn opened(&self, bucket: Bucket, after: Option<&str>) -> Result<OpenedPage, StoreError> {
        let partition = keys::bucket(bucket);
        let from =
            after.map(|sort| item::key(keys::Key { partition: partition.clone(), sort: sort.to_owned() }));
        let query = self.client.query().table_name(&self.name).key_condition_expression("#pk = :pk");
        let query = query.expression_attribute_names("#pk", keys::PARTITION);
        let query = query.expression_attribute_values(":pk", AttributeValue::S(partition));
        let query = query.return_consumed_capacity(ReturnConsumedCapacity::Total);
        let output = query.set_exclusive_start_key(from).send().await.map_err(|error| failed(&error))?;
        self.read_units(output.consumed_capacity());
        let last = output.last_evaluated_key().and_then(|key| key.get(keys::SORT)?.as_s().ok());
        let connections = output.items().iter().filter_map(to_opened).collect();
        Ok(OpenedPage { connections, next: last.cloned() })
    }
}

impl ReadChannels for Table {
    async fn channels(&self, ids: &[ConnectionId]) -> Result<BTreeSet<Channel>, StoreError> {
        let mut channels = BTreeSet::new();
        let mut keys: Vec<_> = ids.iter().map(|id| item::key(keys::connection(id))).collect();
        for _ in 0..BATCH_ATTEMPTS {
            if keys.is_empty() {
                return Ok(channels);
            }
            let wanted = KeysAndAttributes::builder()
                .set_keys(Some(std::mem::take(&mut keys)))
                .projection_expression("#pk, #st, #subs")
                .expression_attribute_names("#pk", keys::PARTITION)
                .expression_attribute_names("#st", item::STATE)
                .expression_attribute_names("#subs", item::SUBSCRIPTIONS)
                .build()
                .map_err(|error| StoreError::Failed(error.to_string()))?;
            let get = self.client.batch_get_item().request_items(&self.name, wanted);
            let get = get.return_consumed_capacity(ReturnConsumedCapacity::Total);
            let mut output = get.send().await.map_err(|error| failed(&error))?;
            output.consumed_capacity().iter().for_each(|consumed| self.read_units(Some(consumed)));
            let rows = output.responses.take().and_then(|mut tables| tables.remove(&self.name));
            let rows = rows.unwrap_or_default();
            let nobody = ConnectionId::from("");
            let open = rows.iter().filter_map(|row| item::to_connection(&nobody, row));
            let open = open.filter(|connection| connection.state == State::Open);
            channels.extend(open.flat_map(|connection| connection.subscriptions.into_keys()));
            let left = output.unprocessed_keys.take().and_then(|mut tables| tables.remove(&self.name));
            keys = left.map(|left| left.keys).unwrap_or_default();
        }
        Err(StoreError::Throttled("DynamoDB leaves connections out of its answers".to_owned()))
    }
}

fn to_opened(row: &item::Item) -> Option<Opened> {
    let id = row.get(keys::SORT)?.as_s().ok()?;
    Some(Opened { id: id.as_str().into(), at: row.get(item::CONNECTED_AT)?.as_n().ok()?.parse().ok()? })
}
