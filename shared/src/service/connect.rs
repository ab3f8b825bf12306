//! `$connect`: remembers a connection before it opens.

use futures_util::future::try_join;

use crate::model::Connection;
use crate::ports::{DeleteIndex, OpenConnection, PutIndex, Refusal, StoreError};

/// What became of a handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// The connection is remembered: let it open.
    Accepted,
    /// Its end was told before its beginning: there is nobody to let in.
    Gone,
}

/// Remembers the connection, by rule A.
///
/// # Errors
/// [`StoreError`]; the connection must then be refused, as nothing would know of it.
pub async fn connect(
    store: &(impl OpenConnection + PutIndex + DeleteIndex),
    connection: &Connection,
) -> Result<Admission, StoreError> {
    let device = async {
        match &connection.user {
            Some(user) => store.put_device(user, connection).await,
            None => Ok(()),
        }
    };
    // Both at once: the handshake waits for it.
    let opened = match try_join(device, store.put_opened(connection)).await {
        Ok(_) => store.open(connection).await,
        Err(error) => Err(error),
    };
    // An event that comes twice finds its own row.
    if matches!(opened, Ok(Ok(()) | Err(Refusal::Already))) {
        return Ok(Admission::Accepted);
    }
    if let Some(user) = &connection.user {
        store.delete_device(user, &connection.id).await?;
    }
    store.delete_opened(&connection.id, connection.connected_at).await?;
    opened.map(|_| Admission::Gone)
}
