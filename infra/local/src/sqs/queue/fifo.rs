//! What a FIFO queue does besides: message groups, deduplication, sequence numbers.

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use super::{FifoAttributes, Message, Sent};
use crate::sqs::error::SqsError;
use crate::sqs::message::Outgoing;

/// How long a deduplication id is remembered: five minutes.
const DEDUPLICATION_MS: i64 = 5 * 60 * 1000;

/// Sequence numbers have 20 digits; where they begin is nobody's promise.
const FIRST_SEQUENCE: u128 = 18_849_496_460_467_696_128;

/// How far they are apart, as seen.
const SEQUENCE_STEP: u128 = 256;

/// Characters of a group's or a deduplication id.
const MAX_ID: usize = 128;

/// What was sent in the last five minutes, and the sequence.
#[derive(Debug, Default)]
pub(super) struct Fifo {
    /// By deduplication id: what was told, and when.
    sent: BTreeMap<String, (Sent, i64)>,
    sequences: u128,
}

impl Fifo {
    /// Group and deduplication id of a message that is sent.
    pub(super) fn attributes(
        &mut self,
        outgoing: &Outgoing,
        content_based: bool,
    ) -> Result<FifoAttributes, SqsError> {
        let group = outgoing.group.clone().ok_or_else(|| SqsError::missing("MessageGroupId"))?;
        let deduplication = match &outgoing.deduplication {
            Some(id) => id.clone(),
            None if content_based => hash(&outgoing.body),
            None => {
                return Err(SqsError::invalid(
                    "The queue should either have ContentBasedDeduplication enabled or \
                     MessageDeduplicationId provided explicitly",
                ));
            }
        };
        for (name, id) in [("MessageGroupId", &group), ("MessageDeduplicationId", &deduplication)] {
            check_id(name, id)?;
        }
        Ok(FifoAttributes { group, deduplication, sequence: self.next_sequence() })
    }

    /// What was told of a message with the same deduplication id.
    pub(super) fn sent_before(&mut self, attributes: &FifoAttributes, now: i64) -> Option<Sent> {
        self.sent.retain(|_, (_, at)| now.saturating_sub(*at) < DEDUPLICATION_MS);
        self.sent.get(&attributes.deduplication).map(|(sent, _)| sent.clone())
    }

    pub(super) fn remember(&mut self, attributes: &FifoAttributes, sent: &Sent, now: i64) {
        self.sent.insert(attributes.deduplication.clone(), (sent.clone(), now));
    }

    pub(super) fn next_sequence(&mut self) -> u128 {
        self.sequences += 1;
        FIRST_SEQUENCE + self.sequences * SEQUENCE_STEP
    }
}

/// Visible messages, oldest first, of groups none of whose messages is in flight, and of each
/// group only as far as there is none that waits.
pub(super) fn ready(messages: &BTreeMap<u64, Message>, now: i64) -> Vec<u64> {
    let group = |message: &Message| message.fifo.as_ref().map(|fifo| fifo.group.clone());
    let mut blocked: BTreeSet<Option<String>> =
        messages.values().filter(|message| message.is_held(now)).map(group).collect();
    let mut ready = Vec::new();
    for (key, message) in messages {
        let group = group(message);
        if blocked.contains(&group) {
            continue;
        }
        if message.is_visible(now) {
            ready.push(*key);
        } else {
            blocked.insert(group);
        }
    }
    ready
}

fn check_id(name: &str, id: &str) -> Result<(), SqsError> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c.is_ascii_punctuation();
    if !id.is_empty() && id.len() <= MAX_ID && id.chars().all(is_allowed) {
        return Ok(());
    }
    Err(SqsError::invalid(format!(
        "Value {id} for parameter {name} is invalid. Reason: {name} can only include alphanumeric and punctuation \
         characters. 1 to 128 in length."
    )))
}

fn hash(body: &str) -> String {
    Sha256::digest(body.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
