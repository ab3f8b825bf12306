//! The alarms, their states and their history, in memory, and in a file when there is a folder for it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::broadcast;

use super::disk::{Changes, Disk, Kept};
use super::history::{History, HistoryItem, ItemKind};
use super::{Definition, Rule, State, StateChange, Watch, reason};
use crate::document::Document;
use crate::sqlite::OpenError;

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
    /// By a template.
    pub(crate) declared: bool,
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

/// Alarms. Clones share them.
#[derive(Debug, Clone)]
pub struct AlarmStore {
    /// Never held across an await.
    alarms: Arc<Mutex<Alarms>>,
    /// Everyone who follows; a change is sent after it is made.
    followers: broadcast::Sender<StateChange>,
    /// `arn:aws:cloudwatch:us-east-1:123456789012:alarm:`.
    arn: Arc<str>,
    disk: Option<Arc<Disk>>,
}

#[derive(Debug, Default)]
struct Alarms {
    entries: BTreeMap<String, Entry>,
    history: History,
    /// What a file has kept and nobody has read yet.
    kept: Vec<Kept>,
    /// What a file does not have yet, when there is one.
    news: Option<News>,
}

/// Alarms that have changed, and what has happened to them.
#[derive(Debug, Default)]
struct News {
    names: BTreeSet<String>,
    items: Vec<HistoryItem>,
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
        Self { alarms: Arc::default(), followers, arn, disk: None }
    }

    /// A store that keeps its alarms in a folder, which is made when it is missing. What
    /// [`AlarmStore::flush`] has confirmed is there again, whatever happens to this process. The
    /// alarms of last time come back with the API that is made over it.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(folder: &Path, region: &str, account_id: &str) -> Result<Self, OpenError> {
        let (disk, content) = Disk::open(folder)?;
        let mut alarms = Alarms { kept: content.alarms, ..Alarms::default() };
        content.items.into_iter().for_each(|item| alarms.history.push(item));
        alarms.news = Some(News::default());
        let disk = Some(Arc::new(disk));
        Ok(Self { alarms: Arc::new(Mutex::new(alarms)), disk, ..Self::new(region, account_id) })
    }

    /// Waits until everything that happened so far is kept for good; at once in memory.
    ///
    /// # Errors
    /// What SQLite said when it could not write; it is tried again with the next flush.
    pub fn flush(&self) -> Result<(), String> {
        self.disk.as_ref().map_or(Ok(()), |disk| disk.flush(|| self.lock().changes()))
    }

    /// What a file has kept; the next time nothing.
    pub(crate) fn take_kept(&self) -> Vec<Kept> {
        std::mem::take(&mut self.lock().kept)
    }

    /// An alarm again, as it was kept.
    pub(crate) fn restore(&self, definition: Definition, kept: Kept) {
        let Kept { declared, tags, actions_enabled, state, reason, reason_data, .. } = kept;
        let Kept { configured, updated, transitioned, .. } = kept;
        let name = definition.name.clone();
        let entry = Entry {
            arn: format!("{}{name}", self.arn),
            definition: Arc::new(definition),
            actions_enabled,
            declared,
            tags,
            state,
            reason,
            reason_data,
            configured,
            updated,
            transitioned,
        };
        self.lock().entries.insert(name, entry);
    }

    /// Makes an alarm that a template declares. One that is there and the same stays as it is.
    pub(crate) fn declare(&self, definition: Definition, tags: BTreeMap<String, String>, now: i64) {
        let name = definition.name.clone();
        let is_same =
            |alarms: &Alarms| alarms.entries.get(&name).is_some_and(|entry| *entry.definition == definition);
        let same = is_same(&self.lock());
        if !same {
            self.put(definition, tags, now);
        }
        let mut alarms = self.lock();
        if let Some(entry) = alarms.entries.get_mut(&name) {
            entry.declared = true;
            alarms.changed(&name);
        }
    }

    /// Deletes the alarms that a template has declared and does not any more.
    pub(crate) fn keep_declared(&self, names: &BTreeSet<&str>, now: i64) {
        let gone: Vec<String> = {
            let alarms = self.lock();
            let old = alarms
                .entries
                .iter()
                .filter(|(name, entry)| entry.declared && !names.contains(name.as_str()));
            old.map(|(name, _)| name.clone()).collect()
        };
        self.delete(&gone, now);
    }

    /// The region and the account of the alarms.
    pub(crate) fn account(&self) -> (&str, &str) {
        let mut parts = self.arn.split(':').skip(3);
        (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
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
        alarms.happened(configured(&definition, now, summary));
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
                alarms.happened(configured(&entry.definition, now, summary));
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
            alarms.happened(item);
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
        let (changed, name) = (change(&mut entry.tags), entry.definition.name.clone());
        alarms.changed(&name);
        Ok(changed)
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
        alarms.changed(name);
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
        alarms.happened(state_update(&entry, (old, &old_reason, old_data.as_deref()), now));
        let due = entry.definition.actions.iter().filter(|(state, _)| *state == entry.state);
        for (_, action) in due.filter(|_| entry.actions_enabled) {
            alarms.happened(action_item(&entry, action, now));
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

impl Alarms {
    /// Notes what happened to an alarm.
    fn happened(&mut self, item: HistoryItem) {
        self.changed(&item.alarm);
        if let Some(news) = &mut self.news {
            news.items.push(item.clone());
        }
        self.history.push(item);
    }

    /// Notes that an alarm is not what a file has of it.
    fn changed(&mut self, name: &str) {
        if let Some(news) = &mut self.news {
            news.names.insert(name.to_owned());
        }
    }

    /// What has changed since the last time.
    fn changes(&mut self) -> Changes {
        let Some(News { names, items }) = self.news.as_mut().map(std::mem::take) else {
            return Changes::default();
        };
        let kept = |name: String| {
            let kept = self.entries.get(&name).map(Entry::kept);
            (name, kept)
        };
        Changes { alarms: names.into_iter().map(kept).collect(), items }
    }
}

impl Entry {
    /// This, as a file keeps it.
    fn kept(&self) -> Kept {
        Kept {
            composite: self.definition.kind.is_composite(),
            description: Document::Map(self.definition.members.clone()).to_json(),
            declared: self.declared,
            tags: self.tags.clone(),
            actions_enabled: self.actions_enabled,
            state: self.state,
            reason: self.reason.clone(),
            reason_data: self.reason_data.clone(),
            configured: self.configured,
            updated: self.updated,
            transitioned: self.transitioned,
        }
    }

    fn new(definition: Arc<Definition>, tags: BTreeMap<String, String>, now: i64) -> Self {
        Self {
            arn: String::new(),
            actions_enabled: definition.actions_enabled,
            declared: false,
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
