//! What only the server API asks for.

use super::Memory;
use crate::channel::Channel;
use crate::ids::{ConnectionId, UserId};
use crate::model::{Mark, keys};
use crate::ports::{ListDevices, RememberKey, RemoveHistory, StoreError};

impl ListDevices for Memory {
    async fn connections(&self, user: &UserId, now_s: i64) -> Result<Vec<ConnectionId>, StoreError> {
        let partition = keys::devices(user);
        self.table(|state| {
            let own = state.index.iter().filter(|(key, x)| key.partition == partition && **x > now_s);
            own.map(|(key, _)| ConnectionId::from(key.sort.as_str())).collect()
        })
        .await
    }
}

impl RemoveHistory for Memory {
    async fn hide(&self, channel: &Channel, up_to: u64) -> Result<(), StoreError> {
        self.table(|state| {
            if let Some(head) = state.heads.get_mut(channel) {
                head.removed = head.removed.max(up_to);
            }
        })
        .await
    }

    async fn delete_entry(&self, channel: &Channel, epoch: &str, offset: u64) -> Result<(), StoreError> {
        let key = (channel.clone(), epoch.to_owned(), offset);
        self.table(|state| state.history.remove(&key)).await.map(|_| ())
    }
}

impl RememberKey for Memory {
    async fn remembered(&self, channel: &Channel, key: &str, now_s: i64) -> Result<Option<Mark>, StoreError> {
        let at = (channel.clone(), key.to_owned());
        self.table(|state| state.marks.get(&at).filter(|mark| mark.expires_at > now_s).cloned()).await
    }

    async fn remember(
        &self,
        channel: &Channel,
        key: &str,
        mark: &Mark,
        now_s: i64,
    ) -> Result<Mark, StoreError> {
        let at = (channel.clone(), key.to_owned());
        self.table(|state| {
            let there = state.marks.entry(at).or_insert_with(|| mark.clone());
            if there.expires_at <= now_s {
                there.clone_from(mark);
            }
            there.clone()
        })
        .await
    }

    async fn change(
        &self,
        channel: &Channel,
        key: &str,
        from: &Mark,
        to: &Mark,
    ) -> Result<Option<Mark>, StoreError> {
        let at = (channel.clone(), key.to_owned());
        self.table(|state| {
            let there = state.marks.get_mut(&at)?;
            if (&there.owner, &there.place) == (&from.owner, &from.place) {
                there.clone_from(to);
            }
            Some(there.clone())
        })
        .await
    }
}
