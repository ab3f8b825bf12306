//! Tests of the store.

mod disk;
mod measured;
mod memory;

use super::group::MEMORY_BYTES;
use super::*;

fn messages(store: &LogStore, group: &str) -> Vec<String> {
    store.events(group).iter().map(|event| event.message.to_string()).collect()
}
