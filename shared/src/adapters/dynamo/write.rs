//! Conditional writes, and those of a connection's row.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, ReturnConsumedCapacity, ReturnValue, ReturnValuesOnConditionCheckFailure,
};

use super::{Table, failed, item};
use crate::channel::Channel;
use crate::ids::{ConnectionId, UserId};
use crate::model::connection::MAX_SUBSCRIPTIONS;
use crate::model::spread::Spread;
use crate::model::{Connection, Member, State, Subscription, keys};
use crate::ports::{
    AddSubscriptions, CloseConnection, Conditional, ExtendIndex, GreetConnection, NoteMissing,
    OpenConnection, RefreshConnection, Refusal, RemoveSubscription, RenewSubscription, SpendRate,
    SpreadMembers, StoreError, Subscriptions, WelcomeMember,
};

/// A conditional write's outcome: the row's image where one was asked for, or the row that
/// the condition met.
pub(super) enum Written {
    Done(Option<item::Item>),
    Refused(Option<item::Item>),
}

impl Table {
    /// An update of the connection's row.
    fn update(&self, id: &ConnectionId, expression: &str) -> UpdateItemFluentBuilder {
        self.update_row(keys::connection(id), expression)
    }

    /// Makes a row that is there live until then at least.
    async fn extend(&self, key: keys::Key, expires_at: i64) -> Result<(), StoreError> {
        let update = self
            .update_row(key, "SET #x = :x, #ttl = :x")
            .condition_expression("#x < :x")
            .expression_attribute_names("#x", item::EXPIRES)
            .expression_attribute_names("#ttl", item::TTL)
            .expression_attribute_values(":x", item::number(expires_at));
        self.send(update).await.map(|_| ())
    }

    /// Puts a row unless there is one.
    pub(super) async fn put_new(&self, row: item::Item) -> Result<Written, StoreError> {
        let put = self
            .client
            .put_item()
            .table_name(&self.name)
            .set_item(Some(row))
            .condition_expression("attribute_not_exists(#pk)")
            .expression_attribute_names("#pk", keys::PARTITION)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        match put.send().await {
            Ok(output) => {
                self.wrote(output.consumed_capacity());
                Ok(Written::Done(None))
            }
            Err(error) => {
                let Some(PutItemError::ConditionalCheckFailedException(refused)) = error.as_service_error()
                else {
                    return Err(failed(&error));
                };
                self.refused();
                Ok(Written::Refused(refused.item.clone()))
            }
        }
    }

    pub(super) fn update_row(&self, key: keys::Key, expression: &str) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.name)
            .set_key(Some(item::key(key)))
            .update_expression(expression)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    }

    pub(super) async fn send(&self, update: UpdateItemFluentBuilder) -> Result<Written, StoreError> {
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
        let written = self.put_new(item::connection(connection)).await?;
        conditional(&connection.id, written, |_| Refusal::Already)
    }
}

impl GreetConnection for Table {
    async fn greet(&self, connection: &Connection) -> Conditional {
        let Connection { id, user, info, token_expires_at, caps, .. } = connection;
        let mut expression = "SET #hi = :true".to_owned();
        let known = [
            (item::USER, user.as_ref().map(|user| AttributeValue::S(user.to_string()))),
            (item::INFO, info.clone().map(AttributeValue::S)),
            (item::TOKEN_EXPIRES, token_expires_at.map(item::number)),
            (item::CAPS, (!caps.is_empty()).then(|| AttributeValue::S(caps.to_json()))),
        ];
        let known: Vec<_> =
            known.into_iter().filter_map(|(attribute, value)| Some((attribute, value?))).collect();
        for (attribute, _) in &known {
            expression.push_str(&format!(", #{attribute} = :{attribute}"));
        }
        let update = self
            .update(id, &expression)
            .condition_expression("#st = :open AND attribute_not_exists(#hi)")
            .expression_attribute_names("#hi", item::GREETED)
            .expression_attribute_values(":true", AttributeValue::Bool(true));
        let update = known.into_iter().fold(open_only(update), |update, (attribute, value)| {
            update
                .expression_attribute_names(format!("#{attribute}"), attribute)
                .expression_attribute_values(format!(":{attribute}"), value)
        });
        conditional(id, self.send(update).await?, |_| Refusal::Already)
    }
}

impl RefreshConnection for Table {
    async fn refresh(&self, connection: &Connection) -> Result<Result<Subscriptions, Refusal>, StoreError> {
        let id = &connection.id;
        let caps = AttributeValue::S(connection.caps.to_json());
        let update = match connection.token_expires_at {
            Some(at) => self
                .update(id, "SET #texp = :texp, #caps = :caps")
                .expression_attribute_values(":texp", item::number(at)),
            None => self.update(id, "SET #caps = :caps REMOVE #texp"),
        };
        let update = update
            .condition_expression("#st = :open")
            .expression_attribute_names("#texp", item::TOKEN_EXPIRES)
            .expression_attribute_names("#caps", item::CAPS)
            .expression_attribute_values(":caps", caps)
            .return_values(ReturnValue::AllOld);
        Ok(match self.send(open_only(update)).await? {
            Written::Done(row) => {
                let before = row.and_then(|row| item::to_connection(id, &row));
                Ok(before.map(|before| before.subscriptions).unwrap_or_default())
            }
            Written::Refused(_) => Err(Refusal::Closed),
        })
    }
}

impl ExtendIndex for Table {
    async fn extend_member(
        &self,
        channel: &Channel,
        connection: &Connection,
        subscription: &Subscription,
    ) -> Result<(), StoreError> {
        let key = keys::member(channel, &connection.id, &subscription.id);
        self.extend(key, connection.member_expires_at(subscription)).await
    }

    async fn extend_device(&self, user: &UserId, connection: &Connection) -> Result<(), StoreError> {
        self.extend(keys::device(user, &connection.id), connection.expires_at()).await
    }
}

impl Table {
    /// Changes the set of what did not reach a member, if its row is there.
    async fn change_missing(
        &self,
        expression: &str,
        channel: &Channel,
        member: &Member,
        offsets: &[u64],
    ) -> Result<(), StoreError> {
        let update = self
            .update_row(keys::member(channel, &member.connection, &member.subscription), expression)
            .condition_expression("attribute_exists(#pk)")
            .expression_attribute_names("#pk", keys::PARTITION)
            .expression_attribute_names("#miss", item::MISSING)
            .expression_attribute_values(":offsets", item::offsets(offsets));
        self.send(update).await.map(|_| ())
    }
}

impl NoteMissing for Table {
    async fn add_missing(
        &self,
        channel: &Channel,
        member: &Member,
        offsets: &[u64],
    ) -> Result<(), StoreError> {
        self.change_missing("ADD #miss :offsets", channel, member, offsets).await
    }

    async fn clear_missing(
        &self,
        channel: &Channel,
        member: &Member,
        offsets: &[u64],
    ) -> Result<(), StoreError> {
        self.change_missing("DELETE #miss :offsets", channel, member, offsets).await
    }
}

impl WelcomeMember for Table {
    async fn welcome(&self, channel: &Channel, member: &Member) -> Result<BTreeSet<u64>, StoreError> {
        let update = self
            .update_row(keys::member(channel, &member.connection, &member.subscription), "REMOVE #w")
            .condition_expression("attribute_exists(#pk)")
            .expression_attribute_names("#pk", keys::PARTITION)
            .expression_attribute_names("#w", item::WAITS)
            .return_values(ReturnValue::AllNew);
        Ok(match self.send(update).await? {
            Written::Done(row) => row.as_ref().map(item::to_missing).unwrap_or_default(),
            Written::Refused(_) => BTreeSet::new(),
        })
    }
}

impl SpreadMembers for Table {
    async fn spread(&self, channel: &Channel, spread: Spread) -> Result<(), StoreError> {
        let update = self
            .update_row(keys::spread(channel), "SET #n = :n, #ttl = :ttl")
            .condition_expression("attribute_not_exists(#n) OR #n <= :n")
            .expression_attribute_names("#n", item::SHARDS)
            .expression_attribute_names("#ttl", item::TTL)
            .expression_attribute_values(":n", item::number(spread.shards.into()))
            .expression_attribute_values(":ttl", item::number(spread.ttl));
        self.send(update).await.map(|_| ())
    }
}

impl SpendRate for Table {
    async fn spend(&self, id: &ConnectionId, from: i64, to: i64) -> Result<Option<i64>, StoreError> {
        let same = if from == 0 { "attribute_not_exists(#rate)" } else { "#rate = :from" };
        let update = self
            .update(id, "SET #rate = :to")
            .condition_expression(format!("#st = :open AND {same}"))
            .expression_attribute_names("#rate", item::RATE)
            .expression_attribute_values(":to", item::number(to));
        let update = match from {
            0 => update,
            _ => update.expression_attribute_values(":from", item::number(from)),
        };
        Ok(match self.send(open_only(update)).await? {
            Written::Done(_) => Some(to),
            Written::Refused(row) => {
                let row = row.and_then(|row| item::to_connection(id, &row));
                row.filter(|row| row.state == State::Open).map(|row| row.busy_until)
            }
        })
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

impl AddSubscriptions for Table {
    async fn add(&self, connection: &Connection, subscriptions: &Subscriptions) -> Conditional {
        let id = &connection.id;
        let room = MAX_SUBSCRIPTIONS.saturating_sub(subscriptions.len());
        let (mut sets, mut absent) = (Vec::new(), String::new());
        for number in 0..subscriptions.len() {
            sets.push(format!("#subs.#c{number} = :s{number}"));
            absent.push_str(&format!(" AND attribute_not_exists(#subs.#c{number})"));
        }
        let same_token = same_token(connection);
        let update = self
            .update(id, &format!("SET {}", sets.join(", ")))
            .condition_expression(format!("#st = :open AND {same_token} AND size(#subs) <= :room{absent}"))
            .expression_attribute_names("#subs", item::SUBSCRIPTIONS)
            .expression_attribute_values(":room", item::number(i64::try_from(room).unwrap_or(i64::MAX)));
        let added = subscriptions.iter().enumerate();
        let update = added.fold(update, |update, (number, (channel, subscription))| {
            update
                .expression_attribute_names(format!("#c{number}"), channel.as_str())
                .expression_attribute_values(format!(":s{number}"), item::subscription(subscription))
        });
        conditional(id, self.send(with_token(open_only(update), connection)).await?, |row| {
            if row.token_expires_at != connection.token_expires_at {
                Refusal::Refreshed
            } else if subscriptions.keys().any(|channel| row.subscriptions.contains_key(channel)) {
                Refusal::Already
            } else {
                Refusal::Full
            }
        })
    }
}

impl RenewSubscription for Table {
    async fn renew(
        &self,
        connection: &Connection,
        channel: &Channel,
        from: &Subscription,
        to: &Subscription,
    ) -> Conditional {
        let id = &connection.id;
        let same_token = same_token(connection);
        let update = self
            .update(id, "SET #subs.#channel = :to")
            .condition_expression(format!("#st = :open AND {same_token} AND #subs.#channel = :from"))
            .expression_attribute_names("#subs", item::SUBSCRIPTIONS)
            .expression_attribute_names("#channel", channel.as_str())
            .expression_attribute_values(":from", item::subscription(from))
            .expression_attribute_values(":to", item::subscription(to));
        let written = self.send(with_token(open_only(update), connection)).await?;
        conditional(id, written, |_| Refusal::Refreshed)
    }
}

impl RemoveSubscription for Table {
    async fn remove(&self, id: &ConnectionId, channel: &Channel) -> Result<Option<Subscription>, StoreError> {
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

/// The condition that the row has the same token as the connection that was read.
const fn same_token(connection: &Connection) -> &'static str {
    match connection.token_expires_at {
        Some(_) => "#texp = :texp",
        None => "attribute_not_exists(#texp)",
    }
}

/// The placeholders of [`same_token`].
fn with_token(update: UpdateItemFluentBuilder, connection: &Connection) -> UpdateItemFluentBuilder {
    let update = update.expression_attribute_names("#texp", item::TOKEN_EXPIRES);
    match connection.token_expires_at {
        Some(at) => update.expression_attribute_values(":texp", item::number(at)),
        None => update,
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
