//! What only the server API asks for: a user's connections, idempotency keys, the removal of a
//! history.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure,
};

use super::write::Written;
use super::{Table, failed, item};
use crate::channel::Channel;
use crate::ids::{ConnectionId, UserId};
use crate::model::{Mark, keys};
use crate::ports::{ListDevices, RememberKey, RemoveHistory, StoreError};

impl ListDevices for Table {
    async fn connections(&self, user: &UserId, now_s: i64) -> Result<Vec<ConnectionId>, StoreError> {
        let (mut connections, mut from) = (Vec::new(), None);
        loop {
            let page = self.live_page(&keys::devices(user), now_s, from).await?;
            let ids = page.items().iter().filter_map(|row| row.get(keys::SORT)?.as_s().ok());
            connections.extend(ids.map(|id| ConnectionId::from(id.as_str())));
            from = page.last_evaluated_key;
            if from.is_none() {
                return Ok(connections);
            }
        }
    }
}

impl RemoveHistory for Table {
    async fn hide(&self, channel: &Channel, up_to: u64) -> Result<(), StoreError> {
        let update = self
            .update_row(keys::head(channel), "SET #min = :min")
            .condition_expression("attribute_exists(#pk) AND (attribute_not_exists(#min) OR #min < :min)")
            .expression_attribute_names("#pk", keys::PARTITION)
            .expression_attribute_names("#min", item::REMOVED)
            .expression_attribute_values(":min", AttributeValue::N(up_to.to_string()));
        self.send(update).await.map(|_| ())
    }

    async fn delete_entry(&self, channel: &Channel, epoch: &str, offset: u64) -> Result<(), StoreError> {
        self.delete_row(keys::Key { partition: keys::history(channel, epoch), sort: keys::offset(offset) })
            .await
    }
}

impl RememberKey for Table {
    async fn remembered(&self, channel: &Channel, key: &str, now_s: i64) -> Result<Option<Mark>, StoreError> {
        let get = self.client.get_item().table_name(&self.name).consistent_read(true);
        let get = get.set_key(Some(item::key(keys::mark(channel, key))));
        let get = get.return_consumed_capacity(ReturnConsumedCapacity::Total);
        let output = get.send().await.map_err(|error| failed(&error))?;
        self.read_units(output.consumed_capacity());
        // DynamoDB deletes days after the time to live.
        Ok(output.item.as_ref().and_then(item::to_mark).filter(|mark| mark.expires_at > now_s))
    }

    async fn remember(
        &self,
        channel: &Channel,
        key: &str,
        mark: &Mark,
        now_s: i64,
    ) -> Result<Mark, StoreError> {
        let put = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item::mark(keys::mark(channel, key), mark)))
            .condition_expression("attribute_not_exists(#pk) OR #ttl <= :now")
            .expression_attribute_names("#pk", keys::PARTITION)
            .expression_attribute_names("#ttl", item::TTL)
            .expression_attribute_values(":now", item::number(now_s))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let there = match put.send().await {
            Ok(output) => {
                self.wrote(output.consumed_capacity());
                return Ok(mark.clone());
            }
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(refused)) => refused.item.clone(),
                _ => return Err(failed(&error)),
            },
        };
        self.refused();
        let there = there.as_ref().and_then(item::to_mark);
        there.ok_or_else(|| StoreError::Failed("an idempotency key is not as it was written".to_owned()))
    }

    async fn change(
        &self,
        channel: &Channel,
        key: &str,
        from: &Mark,
        to: &Mark,
    ) -> Result<Option<Mark>, StoreError> {
        // What changes is told by owner and place: nobody has the same two for two publications.
        let mut expression = "SET #own = :own, #ttl = :ttl, #ep = :ep, #seq = :seq".to_owned();
        if to.done {
            expression.push_str(", #ok = :true");
        }
        let (Some((epoch, offset)), Some((_, before))) = (&to.place, &from.place) else {
            return Err(StoreError::Failed("an idempotency key without a place does not change".to_owned()));
        };
        let update = self
            .update_row(keys::mark(channel, key), &expression)
            .condition_expression("#own = :from AND #seq = :before")
            .expression_attribute_names("#own", item::OWNER)
            .expression_attribute_names("#ttl", item::TTL)
            .expression_attribute_names("#ep", item::EPOCH)
            .expression_attribute_names("#seq", item::SEQUENCE)
            .expression_attribute_values(":from", AttributeValue::S(from.owner.clone()))
            .expression_attribute_values(":before", AttributeValue::N(before.to_string()))
            .expression_attribute_values(":own", AttributeValue::S(to.owner.clone()))
            .expression_attribute_values(":ttl", item::number(to.expires_at))
            .expression_attribute_values(":ep", AttributeValue::S(epoch.clone()))
            .expression_attribute_values(":seq", AttributeValue::N(offset.to_string()))
            .return_values(ReturnValue::AllNew);
        let update = match to.done {
            true => update
                .expression_attribute_names("#ok", item::HANDED_OUT)
                .expression_attribute_values(":true", AttributeValue::Bool(true)),
            false => update,
        };
        Ok(match self.send(update).await? {
            Written::Done(row) | Written::Refused(row) => row.as_ref().and_then(item::to_mark),
        })
    }
}
