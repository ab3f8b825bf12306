//! Tickets.

use aws_sdk_dynamodb::operation::delete_item::DeleteItemError;
use aws_sdk_dynamodb::types::{ReturnConsumedCapacity, ReturnValue};

use super::{Table, failed, item};
use crate::auth::ticket::{Pass, Ticket};
use crate::model::keys;
use crate::ports::{PutTicket, StoreError, TakeTicket};

impl PutTicket for Table {
    async fn put_ticket(&self, ticket: &Ticket, pass: &Pass, expires_at: i64) -> Result<(), StoreError> {
        self.put_row(item::ticket(ticket, pass, expires_at)).await
    }
}

impl TakeTicket for Table {
    async fn take_ticket(&self, ticket: &Ticket, now_s: i64) -> Result<Option<Pass>, StoreError> {
        let delete = self
            .client
            .delete_item()
            .table_name(&self.name)
            .set_key(Some(item::key(keys::ticket(&ticket.hash()))))
            // False where there is no row, too.
            .condition_expression("#x > :now")
            .expression_attribute_names("#x", item::EXPIRES)
            .expression_attribute_values(":now", item::number(now_s))
            .return_values(ReturnValue::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        match delete.send().await {
            Ok(output) => {
                self.wrote(output.consumed_capacity());
                Ok(output.attributes.as_ref().and_then(item::to_pass))
            }
            Err(error) => {
                let Some(DeleteItemError::ConditionalCheckFailedException(_)) = error.as_service_error()
                else {
                    return Err(failed(&error));
                };
                self.refused();
                Ok(None)
            }
        }
    }
}
