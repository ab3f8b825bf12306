//! One queue: what is sent, received, deleted and given up, at the time that callers name.
//!
//! Standard queues give messages out in the order in which they become visible, each as often as it
//! is not deleted; FIFO queues in the order of sending within a message group, of which nothing more is given
//! out while one of its messages is in flight. "Amazon SQS visibility timeout", "Dead-letter queues"
//! and "FIFO queue delivery logic" in the developer guide.

mod fifo;

use std::collections::BTreeMap;

use sam::app::Queue as Declared;
use uuid::Uuid;

use super::error::SqsError;
use super::message::{Attribute, Outgoing, is_allowed};

use self::fifo::Fifo;

/// Messages that consumers of one queue may hold: 120,000 of a standard queue and of a FIFO queue.
const MAX_IN_FLIGHT: usize = 120_000;

/// Seconds that a message may wait for its first receive.
const MAX_DELAY: i64 = 900;

/// Seconds that a receive may hide a message.
pub(crate) const MAX_VISIBILITY: i64 = 43_200;

/// A message in a queue.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) id: Uuid,
    pub(crate) body: String,
    pub(crate) attributes: BTreeMap<String, Attribute>,
    /// Milliseconds since the epoch, as all times here.
    pub(crate) sent: i64,
    pub(crate) first_received: Option<i64>,
    pub(crate) receives: u32,
    pub(crate) fifo: Option<FifoAttributes>,
    /// The queue that gave it up, by its ARN.
    pub(crate) dead_letter_source: Option<String>,
    visible_at: i64,
    in_flight: bool,
}

/// What a message of a FIFO queue has besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FifoAttributes {
    pub(crate) group: String,
    pub(crate) deduplication: String,
    pub(crate) sequence: u128,
}

/// What a producer is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) id: Uuid,
    /// Of FIFO queues only.
    pub(crate) sequence: Option<u128>,
}

/// A message as a consumer gets it.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) message: Message,
    pub(crate) handle: String,
}

/// How many messages are where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) visible: usize,
    pub(crate) in_flight: usize,
    pub(crate) delayed: usize,
}

/// One queue.
#[derive(Debug)]
pub(crate) struct Queue {
    declared: Declared,
    arn: String,
    /// By the order of sending.
    messages: BTreeMap<u64, Message>,
    next: u64,
    fifo: Fifo,
}

impl Queue {
    pub(crate) fn new(declared: Declared, arn: String) -> Self {
        Self { declared, arn, messages: BTreeMap::new(), next: 0, fifo: Fifo::default() }
    }

    pub(crate) fn declared(&self) -> &Declared {
        &self.declared
    }

    pub(crate) fn arn(&self) -> &str {
        &self.arn
    }

    /// Takes a message; a FIFO queue takes one with the same deduplication id only once in five
    /// minutes, and tells the same of it again.
    pub(crate) fn send(&mut self, outgoing: Outgoing, now: i64) -> Result<Sent, SqsError> {
        self.check(&outgoing)?;
        let delay = outgoing.delay.unwrap_or_else(|| i64::from(self.declared.delay_seconds));
        let mut fifo = None;
        if self.declared.fifo {
            let attributes = self.fifo.attributes(&outgoing, self.declared.content_based_deduplication)?;
            if let Some(sent) = self.fifo.sent_before(&attributes, now) {
                return Ok(sent);
            }
            fifo = Some(attributes);
        }
        let message = Message {
            id: Uuid::new_v4(),
            body: outgoing.body,
            attributes: outgoing.attributes,
            sent: now,
            first_received: None,
            receives: 0,
            dead_letter_source: None,
            visible_at: now.saturating_add(delay.saturating_mul(1000)),
            in_flight: false,
            fifo,
        };
        let sent = Sent { id: message.id, sequence: message.fifo.as_ref().map(|fifo| fifo.sequence) };
        if let Some(fifo) = &message.fifo {
            self.fifo.remember(fifo, &sent, now);
        }
        self.add(message);
        Ok(sent)
    }

    /// Takes a message that another queue has given up. It keeps its id and its time of sending.
    pub(crate) fn take_dead(&mut self, mut message: Message, source: &str) {
        message.dead_letter_source = Some(source.to_owned());
        message.in_flight = false;
        message.visible_at = 0;
        if let Some(fifo) = &mut message.fifo {
            fifo.sequence = self.fifo.next_sequence();
        }
        self.add(message);
    }

    fn add(&mut self, message: Message) {
        self.messages.insert(self.next, message);
        self.next += 1;
    }

    fn check(&self, outgoing: &Outgoing) -> Result<(), SqsError> {
        if outgoing.body.is_empty() {
            return Err(SqsError::missing("MessageBody"));
        }
        if !is_allowed(&outgoing.body) {
            return Err(SqsError::invalid(
                "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF.",
            ));
        }
        let limit = usize::try_from(self.declared.maximum_message_size).unwrap_or(usize::MAX);
        if outgoing.bytes() > limit {
            return Err(SqsError::too_long(limit));
        }
        let Some(delay) = outgoing.delay else { return Ok(()) };
        if self.declared.fifo {
            return Err(SqsError::invalid(format!(
                "Value {delay} for parameter DelaySeconds is invalid. Reason: The request include parameter that is \
                 not valid for this queue type."
            )));
        }
        if !(0..=MAX_DELAY).contains(&delay) {
            return Err(SqsError::out_of_range(&delay.to_string(), "DelaySeconds", 0, MAX_DELAY));
        }
        Ok(())
    }

    /// Gives out up to `most` messages and hides them for `visibility` seconds (the queue's own when
    /// absent). The second part are those that were received too often: they are no longer here,
    /// and belong into the dead-letter queue.
    pub(crate) fn receive(
        &mut self,
        most: usize,
        visibility: Option<i64>,
        now: i64,
    ) -> Result<(Vec<Received>, Vec<Message>), SqsError> {
        self.expire(now);
        if self.counts(now).in_flight >= MAX_IN_FLIGHT {
            return Err(SqsError::over_limit(MAX_IN_FLIGHT));
        }
        let hidden =
            visibility.unwrap_or_else(|| i64::from(self.declared.visibility_timeout)).saturating_mul(1000);
        let limit = self.declared.redrive.as_ref().map(|redrive| redrive.max_receive_count);
        let (mut received, mut dead) = (Vec::new(), Vec::new());
        for key in self.ready(now) {
            if received.len() == most {
                break;
            }
            let Some(message) = self.messages.get_mut(&key) else { continue };
            if limit.is_some_and(|limit| message.receives >= limit) {
                dead.extend(self.messages.remove(&key));
                continue;
            }
            message.receives += 1;
            message.first_received.get_or_insert(now);
            message.visible_at = now.saturating_add(hidden);
            message.in_flight = hidden > 0;
            let handle = handle(key, message);
            received.push(Received { message: message.clone(), handle });
        }
        Ok((received, dead))
    }

    /// What can be given out now, in order.
    fn ready(&self, now: i64) -> Vec<u64> {
        if self.declared.fifo {
            return fifo::ready(&self.messages, now);
        }
        let visible = self.messages.iter().filter(|(_, message)| message.is_visible(now));
        let mut keys: Vec<(i64, u64)> = visible.map(|(key, message)| (message.visible_at, *key)).collect();
        keys.sort_unstable();
        keys.into_iter().map(|(_, key)| key).collect()
    }

    /// Deletes the message of a receive. One that has been received again since stays, which is no
    /// error on a standard queue.
    pub(crate) fn delete(&mut self, handle: &str, now: i64) -> Result<(), SqsError> {
        let (key, receive) = parse(handle)?;
        let Some(message) = self.messages.get(&key) else { return Ok(()) };
        let is_latest = message.receives == receive;
        if self.declared.fifo && !(is_latest && message.is_held(now)) {
            return Err(SqsError::expired_handle());
        }
        if is_latest {
            self.messages.remove(&key);
        }
        Ok(())
    }

    /// Hides the message of a receive for `seconds` from now; 0 gives it free.
    pub(crate) fn change_visibility(&mut self, handle: &str, seconds: i64, now: i64) -> Result<(), SqsError> {
        if !(0..=MAX_VISIBILITY).contains(&seconds) {
            return Err(SqsError::out_of_range(&seconds.to_string(), "VisibilityTimeout", 0, MAX_VISIBILITY));
        }
        let (key, receive) = parse(handle)?;
        let message =
            self.messages.get_mut(&key).filter(|message| message.receives == receive && message.is_held(now));
        let message = message.ok_or_else(SqsError::not_in_flight)?;
        message.visible_at = now.saturating_add(seconds.saturating_mul(1000));
        message.in_flight = seconds > 0;
        Ok(())
    }

    /// The name of the dead-letter queue, and this queue's ARN.
    pub(crate) fn redrive_target(&self) -> Option<(String, String)> {
        let redrive = self.declared.redrive.as_ref()?;
        Some((redrive.queue.clone(), self.arn.clone()))
    }

    /// Forgets every message.
    pub(crate) fn purge(&mut self) {
        self.messages.clear();
    }

    pub(crate) fn counts(&self, now: i64) -> Counts {
        let count = |wanted: &dyn Fn(&Message) -> bool| {
            self.messages.values().filter(|message| wanted(message)).count()
        };
        let in_flight = count(&|message| message.is_held(now));
        let visible = count(&|message| message.is_visible(now));
        Counts { visible, in_flight, delayed: self.messages.len() - in_flight - visible }
    }

    /// When the next message becomes visible that is not yet; `None` when there is none.
    pub(crate) fn next_change(&self, now: i64) -> Option<i64> {
        self.messages.values().map(|message| message.visible_at).filter(|at| *at > now).min()
    }

    /// Drops what is older than `MessageRetentionPeriod`.
    fn expire(&mut self, now: i64) {
        let oldest =
            now.saturating_sub(i64::from(self.declared.message_retention_period).saturating_mul(1000));
        self.messages.retain(|_, message| message.sent >= oldest);
    }
}

impl Message {
    fn is_visible(&self, now: i64) -> bool {
        self.visible_at <= now
    }

    /// Whether a consumer holds it.
    fn is_held(&self, now: i64) -> bool {
        self.in_flight && self.visible_at > now
    }
}

/// Names one receive of one message. Callers must not read it; here it needs no secret.
fn handle(key: u64, message: &Message) -> String {
    format!("{key}.{}.{}", message.receives, message.id)
}

fn parse(handle: &str) -> Result<(u64, u32), SqsError> {
    let mut parts = handle.splitn(3, '.');
    let mut part = || parts.next().unwrap_or_default();
    match (part().parse(), part().parse(), part().parse::<Uuid>()) {
        (Ok(key), Ok(receive), Ok(_)) => Ok((key, receive)),
        _ => Err(SqsError::receipt_handle(handle)),
    }
}
