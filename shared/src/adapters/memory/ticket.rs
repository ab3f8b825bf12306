//! Tickets in memory.

use super::Memory;
use crate::auth::ticket::{Pass, Ticket};
use crate::ports::{PutTicket, StoreError, TakeTicket};

impl PutTicket for Memory {
    async fn put_ticket(&self, ticket: &Ticket, pass: &Pass, expires_at: i64) -> Result<(), StoreError> {
        let row = (pass.clone(), expires_at);
        self.table(|state| state.tickets.insert(ticket.hash(), row)).await.map(drop)
    }
}

impl TakeTicket for Memory {
    async fn take_ticket(&self, ticket: &Ticket, now_s: i64) -> Result<Option<Pass>, StoreError> {
        let hash = ticket.hash();
        let take = self.table(|state| {
            let is_live = state.tickets.get(&hash).is_some_and(|(_, expires_at)| *expires_at > now_s);
            if is_live { state.tickets.remove(&hash).map(|(pass, _)| pass) } else { None }
        });
        take.await
    }
}
