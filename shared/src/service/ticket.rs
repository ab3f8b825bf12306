//! One-time tickets for handshakes.

use crate::auth::ticket::{Pass, TTL_S, Ticket};
use crate::ports::{PutTicket, StoreError, TakeTicket};

/// Issues a ticket: whoever presents it within a minute is let in as the pass says.
///
/// # Errors
/// [`StoreError`]; there is no ticket then.
pub async fn issue(store: &impl PutTicket, pass: &Pass, now_s: i64) -> Result<Ticket, StoreError> {
    let ticket = Ticket::draw();
    store.put_ticket(&ticket, pass, now_s.saturating_add(TTL_S)).await?;
    Ok(ticket)
}

/// Whom a ticket lets in; `None` when it is none, was used before, or has expired. It is used up.
///
/// # Errors
/// [`StoreError`]; the ticket may be used up then.
pub async fn redeem(store: &impl TakeTicket, ticket: &str, now_s: i64) -> Result<Option<Pass>, StoreError> {
    match Ticket::parse(ticket) {
        Some(ticket) => store.take_ticket(&ticket, now_s).await,
        // Nobody was issued this: not worth a write.
        None => Ok(None),
    }
}
