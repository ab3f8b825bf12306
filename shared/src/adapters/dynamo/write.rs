//! The conditional writes of a connection's row.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure,
};

use super::{Table, failed, item};
use crate::channel::Channel;
use crate::ids::{ConnectionId, SubscriptionId};
use crate::model::connection::MAX_SUBSCRIPTIONS;
use crate::model::{Connection, State, keys};
use crate::ports::{
    AddSubscription, CloseConnection, Conditional, GreetConnection, OpenConnection, Refusal,
    RemoveSubscription, StoreError,
};

/// A conditional write's outcome: the row's old image where it was asked for, or the row that
/// the condition met.
enum Written {
    Done(Option<item::Item>),
    Refused(Option<item::Item>),
}

impl Table {
    /// An update of the connection's row.
    fn update(&self, id: &ConnectionId, expression: &str) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(item::key(keys::connection(id))))
            .update_expression(expression)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    async fn send(&self, update: UpdateItemFluentBuilder) -> Result<Written, StoreError> {
        match update.send().await {
            Ok(output) => {
                self.wrote(output.consumed_capacity());
                Ok(Written::Done(output.attributes))
            }
            Err(error) => {
                let Some(UpdateItemError::ConditionalCheckFailedException(refused)) =
                    error.as_service_error()
                else {
                    return Err(failed(&error));
                };
                self.refused();
                Ok(Written::Refused(refused.item.clone()))
            }
        }
    }
}

impl OpenConnection for Table {
    async fn open(&self, connection: &Connection) -> Conditional {
        let put = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(item::connection(connection)))
            .condition_expression("attribute_not_exists(#pk)")
            .expression_attribute_names("#pk", keys::PARTITION)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let written = match put.send().await {
            Ok(output) => {
                self.wrote(output.consumed_capacity());
                Written::Done(None)
            }
            Err(error) => {
                let Some(PutItemError::ConditionalCheckFailedException(refused)) = error.as_service_error()
                else {
                    return Err(failed(&error));
                };
                self.refused();
                Written::Refused(refused.item.clone())
            }
        };
        conditional(&connection.id, written, |_| Refusal::Already)
    }
}

impl GreetConnection for Table {
    async fn greet(&self, id: &ConnectionId) -> Conditional {
        let update = self
            .update(id, "SET #hi = :true")
            .condition_expression("#st = :open AND attribute_not_exists(#hi)")
            .expression_attribute_names("#hi", item::GREETED)
            .expression_attribute_values(":true", AttributeValue::Bool(true));
        conditional(id, self.send(open_only(update)).await?, |_| Refusal::Already)
    }
}

impl CloseConnection for Table {
    async fn close(&self, id: &ConnectionId, tombstone_ttl: i64) -> Result<Option<Connection>, StoreError> {
        let update = self
            .update(id, "SET #st = :closed, #ttl = :ttl")
            .expression_attribute_names("#st", item::STATE)
            .expression_attribute_names("#ttl", item::TTL)
            .expression_attribute_values(":closed", AttributeValue::S(State::Closed.as_str().to_owned()))
            .expression_attribute_values(":ttl", item::number(tombstone_ttl))
            .return_values(ReturnValue::AllOld);
        Ok(match self.send(update).await? {
            Written::Done(row) => row.and_then(|row| item::to_connection(id, &row)),
            Written::Refused(_) => None,
        })
    }
}

impl AddSubscription for Table {
    async fn add(&self, id: &ConnectionId, channel: &Channel, subscription: &SubscriptionId) -> Conditional {
        let room = i64::try_from(MAX_SUBSCRIPTIONS).unwrap_or(i64::MAX);
        let update = self
            .update(id, "SET #subs.#channel = :subscription")
            .condition_expression(
                "#st = :open AND attribute_not_exists(#subs.#channel) AND size(#subs) < :room",
            )
            .expression_attribute_names("#subs", item::SUBSCRIPTIONS)
            .expression_attribute_names("#channel", channel.as_str())
            .expression_attribute_values(":subscription", AttributeValue::S(subscription.to_string()))
            .expression_attribute_values(":room", item::number(room));
        conditional(id, self.send(open_only(update)).await?, |row| {
            if row.subscriptions.contains_key(channel) { Refusal::Already } else { Refusal::Full }
        })
    }
}

impl RemoveSubscription for Table {
    async fn remove(
        &self,
        id: &ConnectionId,
        channel: &Channel,
    ) -> Result<Option<SubscriptionId>, StoreError> {
        // Without the condition, a row that is not there would be a validation error.
        let update = self
            .update(id, "REMOVE #subs.#channel")
            .condition_expression("attribute_exists(#subs.#channel)")
            .expression_attribute_names("#subs", item::SUBSCRIPTIONS)
            .expression_attribute_names("#channel", channel.as_str())
            .return_values(ReturnValue::AllOld);
        Ok(match self.send(update).await? {
            Written::Done(row) => row
                .and_then(|row| item::to_connection(id, &row))
                .and_then(|mut before| before.subscriptions.remove(channel)),
            Written::Refused(_) => None,
        })
    }
}

fn open_only(update: UpdateItemFluentBuilder) -> UpdateItemFluentBuilder {
    update
        .expression_attribute_names("#st", item::STATE)
        .expression_attribute_values(":open", AttributeValue::S(State::Open.as_str().to_owned()))
}

/// What a refusal means: closed when the row is not open, otherwise what `why` makes of it.
fn conditional(id: &ConnectionId, written: Written, why: impl FnOnce(&Connection) -> Refusal) -> Conditional {
    Ok(match written {
        Written::Done(_) => Ok(()),
        Written::Refused(row) => Err(match row.and_then(|row| item::to_connection(id, &row)) {
            Some(row) if row.state == State::Open => why(&row),
            _ => Refusal::Closed,
        }),
    })
}
