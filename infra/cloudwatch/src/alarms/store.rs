//! The alarms, their states and their history, in memory.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::broadcast;

use super::history::{History, HistoryItem, ItemKind};
use super::{Definition, Rule, State, StateChange, Watch, reason};

/// Changes that a slow reader of [`AlarmStore::follow`] may fall behind before it misses some.
const FOLLOW_CAPACITY: usize = 256;

/// What an alarm looks at.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Metric(Watch),
    Composite(Rule),
}

impl Kind {
    pub(crate) const fn is_composite(&self) -> bool {
        matches!(self, Self::Composite(_))
    }
}

/// An alarm with its state.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) definition: Arc<Definition>,
    pub(crate) arn: String,
    pub(crate) actions_enabled: bool,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) state: State,
    pub(crate) reason: String,
    /// JSON.
    pub(crate) reason_data: Option<String>,
    /// Times are in milliseconds since the epoch.
    pub(crate) configured: i64,
    pub(crate) updated: i64,
    pub(crate) transitioned: i64,
}

/// There is no alarm of this name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct UnknownAlarm;

/// Alarms in memory. Clones share them.
#[derive(Debug, Clone)]
pub struct AlarmStore {
    /// Never held across an await.
    alarms: Arc<Mutex<Alarms>>,
    /// Everyone who follows; a change is sent after it is made.
    followers: broadcast::Sender<StateChange>,
    /// `arn:aws:cloudwatch:us-east-1:123456789012:alarm:`.
    arn: Arc<str>,
}

#[derive(Debug, Default)]
struct Alarms {
    entries: BTreeMap<String, Entry>,
    history: History,
}

/// The state that an alarm shall have, and why.
#[derive(Debug, Clone)]
pub(crate) struct Turn {
    pub(crate) state: State,
    pub(crate) reason: String,
    pub(crate) data: Option<String>,
}

impl AlarmStore {
    /// An empty store of a region and an account, which the alarms' ARNs tell.
    #[must_use]
    pub fn new(region: &str, account_id: &str) -> Self {
        let (followers, _) = broadcast::channel(FOLLOW_CAPACITY);
        let arn = Arc::from(format!("arn:aws:cloudwatch:{region}:{account_id}:alarm:"));
        Self { alarms: Arc::default(), followers, arn }
    }

    /// Every change of a state from now on.
    #[must_use]
    pub fn follow(&self) -> broadcast::Receiver<StateChange> {
        self.followers.subscribe()
    }

    /// Makes an alarm, or gives one another definition: its state stays.
    pub(crate) fn put(&self, definition: Definition, tags: BTreeMap<String, String>, now: i64) {
        let mut alarms = self.lock();
        let old = alarms.entries.remove(&definition.name);
        let summary = match &old {
            Some(_) => format!("Alarm \"{}\" updated", definition.name),
            None => format!("Alarm \"{}\" created", definition.name),
        };
        alarms.history.push(configured(&definition, now, summary));
        let definition = Arc::new(definition);
        let entry = Entry {
            arn: format!("{}{}", self.arn, definition.name),
            actions_enabled: definition.actions_enabled,
            configured: now,
            ..old.unwrap_or_else(|| Entry::new(Arc::clone(&definition), tags, now))
        };
        let name = definition.name.clone();
        alarms.entries.insert(name.clone(), Entry { definition, ..entry });
        self.settle(&mut alarms, None, now);
    }

    /// Deletes alarms; those that are not there do not matter.
    pub(crate) fn delete(&self, names: &[String], now: i64) {
        let mut alarms = self.lock();
        for name in names {
            if let Some(entry) = alarms.entries.remove(name) {
                let summary = format!("Alarm \"{name}\" deleted");
                alarms.history.push(configured(&entry.definition, now, summary));
            }
        }
    }

    /// Sets the state until the next evaluation.
    pub(crate) fn set_state(&self, name: &str, turn: Turn, now: i64) -> Result<(), UnknownAlarm> {
        let mut alarms = self.lock();
        if !alarms.entries.contains_key(name) {
            return Err(UnknownAlarm);
        }
        self.turn(&mut alarms, name, turn, now);
        self.settle(&mut alarms, Some(name), now);
        Ok(())
    }

    /// Turns an alarm as an evaluation says, unless its definition has changed meanwhile. The reason
    /// of a state is that of its beginning.
    pub(super) fn evaluated(&self, definition: &Arc<Definition>, turn: Turn, now: i64) {
        let mut alarms = self.lock();
        let turns = |entry: &Entry| Arc::ptr_eq(&entry.definition, definition) && entry.state != turn.state;
        if alarms.entries.get(&definition.name).is_some_and(turns) {
            self.turn(&mut alarms, &definition.name, turn, now);
            self.settle(&mut alarms, Some(&definition.name), now);
        }
    }

    /// Switches the actions of alarms on or off; those that are not there do not matter.
    pub(crate) fn enable_actions(&self, names: &[String], enabled: bool, now: i64) {
        let mut alarms = self.lock();
        for name in names {
            let Some(entry) = alarms.entries.get_mut(name) else { continue };
            entry.actions_enabled = enabled;
            let summary = format!("Alarm \"{name}\" updated");
            let item = configured(&entry.definition, now, summary);
            alarms.history.push(item);
        }
    }

    /// Changes the tags of an alarm, by its ARN.
    pub(crate) fn tag<T>(
        &self,
        arn: &str,
        change: impl FnOnce(&mut BTreeMap<String, String>) -> T,
    ) -> Result<T, UnknownAlarm> {
        let mut alarms = self.lock();
        let entry = alarms.entries.values_mut().find(|entry| entry.arn == arn).ok_or(UnknownAlarm)?;
        Ok(change(&mut entry.tags))
    }

    /// All alarms, by name.
    pub(crate) fn all(&self) -> Vec<Entry> {
        self.lock().entries.values().cloned().collect()
    }

    /// The history that passes, oldest first.
    pub(crate) fn history(&self, passes: impl Fn(&HistoryItem) -> bool) -> Vec<HistoryItem> {
        self.lock().history.iter().filter(|item| passes(item)).cloned().collect()
    }

    /// Gives an alarm a state. Its followers, the history and its actions hear of a change only.
    fn turn(&self, alarms: &mut Alarms, name: &str, turn: Turn, now: i64) {
        let Some(entry) = alarms.entries.get_mut(name) else { return };
        let (old, old_reason) = (entry.state, std::mem::replace(&mut entry.reason, turn.reason));
        let old_data = std::mem::replace(&mut entry.reason_data, turn.data);
        entry.state = turn.state;
        entry.updated = now;
        if old == turn.state {
            return;
        }
        entry.transitioned = now;
        let entry = entry.clone();
        alarms.history.push(state_update(&entry, (old, &old_reason, old_data.as_deref()), now));
        let due = entry.definition.actions.iter().filter(|(state, _)| *state == entry.state);
        for (_, action) in due.filter(|_| entry.actions_enabled) {
            alarms.history.push(action_item(&entry, action, now));
        }
        // An error only says that nobody follows.
        let _ = self.followers.send(StateChange {
            alarm: name.to_owned(),
            timestamp: now,
            old,
            new: entry.state,
            reason: entry.reason,
        });
    }

    /// Turns the composite alarms until nothing changes any more. `cause` is the alarm that may have
    /// changed.
    fn settle(&self, alarms: &mut Alarms, cause: Option<&str>, now: i64) {
        let mut cause = cause.map(str::to_owned);
        // Rules that contradict each other in a circle would go on for ever.
        for _ in 0..=alarms.entries.len() {
            let state = |name: &str| alarms.entries.get(name).map(|entry| entry.state);
            let changed = alarms.entries.values().find_map(|entry| match &entry.definition.kind {
                Kind::Metric(_) => None,
                Kind::Composite(rule) => {
                    let wanted = if rule.holds(&state) { State::Alarm } else { State::Ok };
                    (wanted != entry.state).then(|| (entry.definition.name.clone(), wanted))
                }
            });
            let Some((name, state)) = changed else { return };
            let (reason, data) = composite_reason(alarms, cause.as_deref(), state);
            self.turn(alarms, &name, Turn { state, reason, data }, now);
            cause = Some(name);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Alarms> {
        // Every change leaves the maps whole.
        self.alarms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn new(definition: Arc<Definition>, tags: BTreeMap<String, String>, now: i64) -> Self {
        Self {
            arn: String::new(),
            actions_enabled: definition.actions_enabled,
            definition,
            tags,
            state: State::InsufficientData,
            reason: "Unchecked: Initial alarm creation".to_owned(),
            reason_data: None,
            configured: now,
            updated: now,
            transitioned: now,
        }
    }
}

fn configured(definition: &Definition, now: i64, summary: String) -> HistoryItem {
    HistoryItem {
        alarm: definition.name.clone(),
        composite: definition.kind.is_composite(),
        timestamp: now,
        kind: ItemKind::ConfigurationUpdate,
        data: json!({ "version": "1.0", "type": "Update", "alarmName": definition.name }).to_string(),
        summary,
    }
}

fn state_update(entry: &Entry, old: (State, &str, Option<&str>), now: i64) -> HistoryItem {
    let shown = |state: State, reason: &str, data: Option<&str>| {
        let mut shown = json!({ "stateValue": state.as_str(), "stateReason": reason });
        if let (Some(data), Some(members)) = (data, shown.as_object_mut()) {
            let data = serde_json::from_str(data).unwrap_or(Value::Null);
            members.insert("stateReasonData".to_owned(), data);
        }
        shown
    };
    let (old, old_reason, old_data) = old;
    let data = json!({
        "version": "1.0",
        "oldState": shown(old, old_reason, old_data),
        "newState": shown(entry.state, &entry.reason, entry.reason_data.as_deref()),
    });
    HistoryItem {
        alarm: entry.definition.name.clone(),
        composite: entry.definition.kind.is_composite(),
        timestamp: now,
        kind: ItemKind::StateUpdate,
        summary: format!("Alarm updated from {old} to {}", entry.state),
        data: data.to_string(),
    }
}

fn action_item(entry: &Entry, action: &str, now: i64) -> HistoryItem {
    HistoryItem {
        alarm: entry.definition.name.clone(),
        composite: entry.definition.kind.is_composite(),
        timestamp: now,
        kind: ItemKind::Action,
        summary: format!("Action {action} is due; the local CloudWatch carries out none"),
        data: json!({ "actionState": "NotExecuted", "notificationResource": action }).to_string(),
    }
}

fn composite_reason(alarms: &Alarms, cause: Option<&str>, state: State) -> (String, Option<String>) {
    let Some(cause) = cause.and_then(|name| alarms.entries.get(name)) else {
        let truth = if state == State::Alarm { "TRUE" } else { "FALSE" };
        return (format!("The alarm rule evaluates to {truth}"), None);
    };
    let when = reason::long_date(cause.transitioned);
    let data = json!({ "triggeringAlarms": [{
        "arn": cause.arn,
        "state": { "value": cause.state.as_str(), "timestamp": reason::iso(cause.transitioned) },
    }]});
    (format!("{} transitioned to {} at {when}", cause.arn, cause.state), Some(data.to_string()))
}
