//! A channel's head and its history.

use std::ops::RangeInclusive;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity, ReturnValue};

use super::write::Written;
use super::{Table, failed, item};
use crate::channel::Channel;
use crate::model::history::{Claim, Entry, Head, Page, Step};
use crate::model::keys;
use crate::ports::{AdvanceHead, LeaseHead, PutEntry, ReadHead, ReadHistory, StoreError};

impl AdvanceHead for Table {
    async fn advance(&self, channel: &Channel, step: &Step<'_>) -> Result<Head, StoreError> {
        let expression = "ADD #seq :by SET #ep = if_not_exists(#ep, :ep), #t = :t, #ttl = :ttl";
        let update = self
            .update_row(keys::head(channel), expression)
            .expression_attribute_names("#seq", item::SEQUENCE)
            .expression_attribute_names("#ep", item::EPOCH)
            .expression_attribute_names("#t", item::AT)
            .expression_attribute_names("#ttl", item::TTL)
            .expression_attribute_values(":by", AttributeValue::N(step.by.to_string()))
            .expression_attribute_values(":ep", AttributeValue::S(step.new_epoch.to_owned()))
            .expression_attribute_values(":t", item::number(step.now_ms))
            .expression_attribute_values(":ttl", item::number(step.ttl))
            .return_values(ReturnValue::AllNew);
        let row = match self.send(update).await? {
            Written::Done(row) | Written::Refused(row) => row,
        };
        let head = row.as_ref().and_then(item::to_head);
        head.ok_or_else(|| StoreError::Failed("a channel's head is not as it was written".to_owned()))
    }
}

impl ReadHead for Table {
    async fn head(&self, channel: &Channel) -> Result<Option<Head>, StoreError> {
        let get = self.client.get_item().table_name(&self.name).consistent_read(true);
        let get = get.set_key(Some(item::key(keys::head(channel))));
        let get = get.return_consumed_capacity(ReturnConsumedCapacity::Total);
        let output = get.send().await.map_err(|error| failed(&error))?;
        self.read_units(output.consumed_capacity());
        Ok(output.item.as_ref().and_then(item::to_head))
    }
}

impl LeaseHead for Table {
    async fn take(&self, channel: &Channel, claim: &Claim<'_>) -> Result<Option<Head>, StoreError> {
        // The last of the conditions is for a call that the SDK makes again.
        let free = "attribute_not_exists(#own) OR #lx <= :now OR #own = :own";
        let update = self
            .update_row(keys::head(channel), "SET #own = :own, #lx = :lx")
            .condition_expression(format!("attribute_exists(#pk) AND ({free})"))
            .expression_attribute_names("#pk", keys::PARTITION)
            .expression_attribute_names("#own", item::OWNER)
            .expression_attribute_names("#lx", item::BUSY_UNTIL)
            .expression_attribute_values(":own", AttributeValue::S(claim.owner.to_owned()))
            .expression_attribute_values(":now", item::number(claim.now_ms))
            .expression_attribute_values(":lx", item::number(claim.until_ms))
            .return_values(ReturnValue::AllNew);
        Ok(match self.send(update).await? {
            Written::Done(row) => row.as_ref().and_then(item::to_head),
            Written::Refused(_) => None,
        })
    }

    async fn release(&self, channel: &Channel, owner: &str, delivered: u64) -> Result<(), StoreError> {
        let update = self
            .update_row(keys::head(channel), "SET #wm = :wm REMOVE #own, #lx")
            .condition_expression("#own = :own")
            .expression_attribute_names("#wm", item::DELIVERED)
            .expression_attribute_names("#own", item::OWNER)
            .expression_attribute_names("#lx", item::BUSY_UNTIL)
            .expression_attribute_values(":wm", AttributeValue::N(delivered.to_string()))
            .expression_attribute_values(":own", AttributeValue::S(owner.to_owned()));
        self.send(update).await.map(|_| ())
    }
}

impl PutEntry for Table {
    async fn put_entry(
        &self,
        channel: &Channel,
        epoch: &str,
        entry: &Entry,
        ttl: i64,
    ) -> Result<bool, StoreError> {
        let row = item::entry(keys::history(channel, epoch), entry, ttl);
        Ok(match self.put_new(row).await? {
            Written::Done(_) => true,
            // The SDK tries again by itself: the row may be this very one.
            Written::Refused(row) => {
                let there = row.as_ref().and_then(item::to_entry);
                there.is_some_and(|there| there.kept.is_some() == entry.kept.is_some())
            }
        })
    }
}

impl ReadHistory for Table {
    async fn entries(
        &self,
        channel: &Channel,
        epoch: &str,
        offsets: RangeInclusive<u64>,
        reverse: bool,
    ) -> Result<Page, StoreError> {
        if offsets.is_empty() {
            return Ok(Page::default());
        }
        let (first, last) = offsets.into_inner();
        let query = self.client.query().table_name(&self.name).consistent_read(true);
        let query = query.key_condition_expression("#pk = :pk AND #sk BETWEEN :first AND :last");
        let query = query.expression_attribute_names("#pk", keys::PARTITION);
        let query = query.expression_attribute_names("#sk", keys::SORT);
        let query = query
            .expression_attribute_values(":pk", AttributeValue::S(keys::history(channel, epoch)))
            .expression_attribute_values(":first", AttributeValue::S(keys::offset(first)))
            .expression_attribute_values(":last", AttributeValue::S(keys::offset(last)));
        let query = query.scan_index_forward(!reverse);
        let query = query.return_consumed_capacity(ReturnConsumedCapacity::Total);
        let output = query.send().await.map_err(|error| failed(&error))?;
        self.read_units(output.consumed_capacity());
        let entries = output.items().iter().filter_map(item::to_entry).collect();
        Ok(Page { entries, more: output.last_evaluated_key.is_some() })
    }
}
