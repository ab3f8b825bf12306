//! One function: the invocations that wait, its environments, and who gets what.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use cloudwatch::logs::LogStore;
use tokio::sync::{Notify, oneshot, watch};
use tokio::time::Instant;

use super::environment;
use super::metrics::Metrics;
use super::phase::{Answer, Closing, Ending, Invocation, Phase, Refusal, Slot, Work};
use super::system_log::SystemLog;
use super::{ENVIRONMENTS, HostConfig, InvokeError, platform, variables};
use crate::clock::Clock;
use crate::programs::Program;

/// How long an environment may take until it asks for its first invocation. Lambda gives the
/// Init phase ten seconds; the second try happens within the invocation and has its `Timeout`.
const INIT_LIMIT: Duration = Duration::from_secs(10);

/// One environment of a function; never used twice.
pub(super) type EnvironmentId = u64;

/// A function and everything that runs for it.
#[derive(Debug)]
pub(super) struct Function {
    pub(super) settings: sam::app::Function,
    pub(super) program: Program,
    pub(super) arn: String,
    /// What every process of it gets; each adds what is its own.
    pub(super) variables: BTreeMap<String, String>,
    pub(super) logs: LogStore,
    pub(super) clock: Arc<dyn Clock>,
    metrics: Metrics,
    /// Never held across an await.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// First come, first served. Not empty only while no environment is idle.
    waiting: VecDeque<Invocation>,
    environments: BTreeMap<EnvironmentId, Slot>,
    /// Those in [`Phase::Idle`]; the last one was used last and is used next, as on Lambda.
    idle: Vec<EnvironmentId>,
    next_id: EnvironmentId,
    /// Who waits for the first environment to be ready; see [`Function::warm`].
    warming: Option<oneshot::Sender<Result<(), String>>>,
    closing: Option<Closing>,
    /// Given to every environment; `None` once the function is closed.
    alive: Option<watch::Receiver<()>>,
}

/// What `invocation/next` gives.
#[derive(Debug)]
pub(super) enum Next {
    /// This one, at once.
    Work(Work),
    /// The one that comes.
    Wait(oneshot::Receiver<Work>),
    /// Nothing more: the environment ends.
    Ended,
}

impl Function {
    pub(super) fn new(
        settings: sam::app::Function,
        program: Program,
        host: &HostConfig,
        alive: watch::Receiver<()>,
    ) -> Self {
        let arn = format!("arn:aws:lambda:{}:{}:function:{}", host.region, host.account_id, settings.name);
        let variables = variables::of_function(&settings, &program, host);
        let state = State {
            waiting: VecDeque::new(),
            environments: BTreeMap::new(),
            idle: Vec::new(),
            next_id: 0,
            warming: None,
            closing: None,
            alive: Some(alive),
        };
        let (logs, clock) = (host.logs.clone(), Arc::clone(&host.clock));
        let metrics = Metrics::new(&settings.name, &host.metrics);
        Self { settings, program, arn, variables, logs, clock, metrics, state: Mutex::new(state) }
    }

    /// Lines an invocation up and gives where its answer will come.
    /// The environment that gets one that is `doomed` is killed.
    pub(super) fn invoke(
        self: &Arc<Self>,
        payload: Bytes,
        request_id: Arc<str>,
        doomed: bool,
    ) -> Result<oneshot::Receiver<Answer>, InvokeError> {
        if let Program::Unrunnable(reason) = &self.program {
            return Err(InvokeError::NotRunnable(reason.clone()));
        }
        let (reply, answer) = oneshot::channel();
        let mut state = self.lock();
        if state.closing.is_some() {
            return Err(InvokeError::NotRunnable("the Lambda host is shutting down".to_owned()));
        }
        if self.settings.reserved_concurrency.is_some_and(|reserved| state.concurrency() >= reserved as usize)
        {
            self.metrics.throttled(self.clock.now_ms());
            return Err(InvokeError::Throttled);
        }
        state.waiting.push_back(Invocation { request_id, payload, reply, failed_inits: 0, doomed });
        self.assign(&mut state);
        self.fill(&mut state);
        let concurrency = state.concurrency();
        drop(state);
        self.metrics.invoked(self.clock.now_ms(), concurrency);
        Ok(answer)
    }

    /// Starts the first environment before there is an invocation for it, and gives where it
    /// will be said that it is ready, or why it is not. `None` when there is nothing to start.
    pub(super) fn warm(self: &Arc<Self>) -> Option<oneshot::Receiver<Result<(), String>>> {
        let mut state = self.lock();
        if matches!(self.program, Program::Unrunnable(_)) || !state.environments.is_empty() {
            return None;
        }
        let (ready, told) = oneshot::channel();
        state.warming = Some(ready);
        self.start(&mut state, INIT_LIMIT);
        Some(told)
    }

    /// An environment asks for an invocation. Asked again before it answered, it gets the same
    /// one again, as from Lambda.
    pub(super) fn next(&self, id: EnvironmentId) -> Next {
        let mut state = self.lock();
        let state = &mut *state;
        if let Some(warming) = state.warming.take() {
            // An error says that nobody waits any more.
            let _ = warming.send(Ok(()));
        }
        let Some(slot) = state.environments.get_mut(&id).filter(|slot| !slot.ending) else {
            return Next::Ended;
        };
        match &mut slot.phase {
            Phase::Busy { work, .. } => return Next::Work(work.clone()),
            Phase::Starting { error: Some(_), .. } => return Next::Ended,
            Phase::Idle { .. } => {}
            Phase::Starting { .. } | Phase::Between { .. } => {
                if let Some(invocation) = state.waiting.pop_front() {
                    let work = self.begin(slot, invocation);
                    slot.rewatch(state.closing, false);
                    return Next::Work(work);
                }
                state.idle.push(id);
            }
        }
        let (next, work) = oneshot::channel();
        slot.phase = Phase::Idle { since: Instant::now(), next };
        slot.rewatch(state.closing, false);
        Next::Wait(work)
    }

    /// An environment answers its invocation; the second answer is refused.
    pub(super) fn answer(
        &self,
        id: EnvironmentId,
        request_id: &str,
        answer: Answer,
        system: &SystemLog,
    ) -> Result<(), Refusal> {
        let mut state = self.lock();
        let (closing, crowded) = (state.closing, !state.waiting.is_empty());
        let slot = state.environments.get_mut(&id).ok_or(Refusal::InvalidRequestId)?;
        let between = slot.answered(request_id)?;
        let busy = mem::replace(&mut slot.phase, between);
        slot.rewatch(closing, crowded);
        drop(state);
        if let Phase::Busy { invocation, work, since, .. } = busy {
            let ran = since.elapsed();
            system.answered(&work.request_id, &answer, ran);
            self.metrics.ended(self.began(&work), ran, answer.is_err());
            // An error says that the caller went away; the invocation ran all the same.
            let _ = invocation.reply.send(answer);
        }
        Ok(())
    }

    /// An environment says that it cannot initialise.
    pub(super) fn init_error(&self, id: EnvironmentId, error: InvokeError) -> Result<(), Refusal> {
        let mut state = self.lock();
        let closing = state.closing;
        match state.environments.get_mut(&id) {
            Some(slot) if matches!(slot.phase, Phase::Starting { error: None, .. }) => {
                if let Phase::Starting { error: report, .. } = &mut slot.phase {
                    *report = Some(error);
                }
                slot.rewatch(closing, false);
                Ok(())
            }
            _ => Err(Refusal::InvalidState),
        }
    }

    /// Until when an environment's watcher may sleep.
    pub(super) fn watch(&self, id: EnvironmentId) -> Instant {
        let mut state = self.lock();
        let (closing, crowded) = (state.closing, !state.waiting.is_empty());
        state.environments.get_mut(&id).map_or_else(Instant::now, |slot| slot.watch(closing, crowded))
    }

    /// Looks whether an environment's time is up.
    pub(super) fn expire(self: &Arc<Self>, id: EnvironmentId) -> Option<Ending> {
        let mut state = self.lock();
        let closing = state.closing;
        let Some(slot) = state.environments.get_mut(&id) else { return Some(Ending::Closed) };
        let ending = slot.expire(Instant::now(), closing);
        if ending.is_some() {
            // Its place is filled when its process is gone: that decides about a second try.
            state.idle.retain(|idle| *idle != id);
        } else {
            self.fill(&mut state);
        }
        ending
    }

    /// An environment's process is gone: fails what it worked on, and starts another one where
    /// invocations wait.
    pub(super) fn ended(self: &Arc<Self>, id: EnvironmentId, ending: &Ending, system: &SystemLog) {
        let slot = {
            let mut state = self.lock();
            state.idle.retain(|idle| *idle != id);
            state.environments.remove(&id)
        };
        match slot.map(|slot| slot.phase) {
            Some(Phase::Busy { invocation, work, since, .. }) => {
                let (error, ran) = (ending.error(&invocation.request_id), since.elapsed());
                system.failed(&invocation.request_id, &error, ran);
                self.metrics.ended(self.began(&work), ran, true);
                let _ = invocation.reply.send(Err(error));
            }
            Some(Phase::Starting { since, .. }) if !matches!(ending, Ending::Closed) => {
                system.init_failed(ending, since.elapsed());
                self.init_failed(ending);
            }
            _ => {}
        }
        self.fill(&mut self.lock());
    }

    /// Lambda tries the initialisation once more before the invocation fails.
    fn init_failed(&self, ending: &Ending) {
        let mut state = self.lock();
        if let Some(warming) = state.warming.take() {
            let _ = warming.send(Err(ending.reason()));
        }
        let Some(first) = state.waiting.front_mut() else { return };
        first.failed_inits += 1;
        if first.failed_inits < 2 {
            return;
        }
        if let Some(invocation) = state.waiting.pop_front() {
            self.metrics.ended(self.clock.now_ms(), Duration::ZERO, true);
            let _ = invocation.reply.send(Err(ending.error(&invocation.request_id)));
        }
    }

    /// No more invocations: fails those that wait and wakes every environment's watcher.
    pub(super) fn close(&self, grace: Instant) {
        let mut state = self.lock();
        let since = Instant::now();
        // A second close can only make it shorter.
        let grace = state.closing.map_or(grace, |closing| closing.grace.min(grace));
        state.closing = Some(Closing { since, grace });
        state.alive = None;
        for invocation in state.waiting.drain(..) {
            let error = "the Lambda host is shutting down".to_owned();
            let _ = invocation.reply.send(Err(InvokeError::NotRunnable(error)));
        }
        for slot in state.environments.values() {
            slot.rewatch(state.closing, false);
        }
    }

    /// Gives the waiting invocations to idle environments, the one used last first.
    fn assign(&self, state: &mut State) {
        while !state.waiting.is_empty() {
            let Some(id) = state.idle.pop() else { return };
            let Some(slot) = state.environments.get_mut(&id) else { continue };
            let now = Instant::now();
            let deadline = now + self.settings.timeout;
            let lost = Phase::Between { since: now, deadline, answered: None, trusted: false };
            let Phase::Idle { next, .. } = mem::replace(&mut slot.phase, lost) else { continue };
            if next.is_closed() {
                // It hung up. It may ask again; until then it is nobody to wait for.
                slot.rewatch(state.closing, true);
                continue;
            }
            let Some(invocation) = state.waiting.pop_front() else { return };
            let work = self.begin(slot, invocation);
            slot.rewatch(state.closing, false);
            // If it hangs up right now, it asks again and gets the same, or its end is noticed.
            let _ = next.send(work);
        }
    }

    /// Starts environments until one is coming for each invocation that waits.
    fn fill(self: &Arc<Self>, state: &mut State) {
        let mut coming = state.environments.values().filter(|slot| slot.is_coming()).count();
        while state.alive.is_some() && coming < state.waiting.len() && state.environments.len() < ENVIRONMENTS
        {
            let retry = state.waiting.front().is_some_and(|invocation| invocation.failed_inits > 0);
            let limit = if retry { self.settings.timeout } else { INIT_LIMIT };
            self.start(state, limit);
            coming += 1;
        }
        if !state.waiting.is_empty() {
            for slot in state.environments.values() {
                slot.rewatch(state.closing, true);
            }
        }
    }

    /// Starts one environment, which has `limit` until it asks for an invocation.
    fn start(self: &Arc<Self>, state: &mut State, limit: Duration) {
        let Some(alive) = state.alive.clone() else { return };
        let (id, changed) = (state.next_id, Arc::new(Notify::new()));
        state.next_id += 1;
        state.environments.insert(id, Slot::starting(limit, Arc::clone(&changed)));
        tokio::spawn(environment::run(Arc::clone(self), id, changed, alive));
    }

    /// Hands an invocation to an environment: its time runs from now.
    fn begin(&self, slot: &mut Slot, invocation: Invocation) -> Work {
        let since = Instant::now();
        let deadline = since + self.settings.timeout;
        let now_ms = self.clock.now_ms();
        let timeout_ms = i64::try_from(self.settings.timeout.as_millis()).unwrap_or(i64::MAX);
        let work = Work {
            request_id: Arc::clone(&invocation.request_id),
            payload: invocation.payload.clone(),
            deadline_ms: now_ms.saturating_add(timeout_ms),
            trace_id: platform::trace_id(now_ms).into(),
        };
        slot.phase = Phase::Busy { invocation, work: work.clone(), since, deadline };
        work
    }

    /// When an invocation began: milliseconds since the epoch.
    fn began(&self, work: &Work) -> i64 {
        let timeout = i64::try_from(self.settings.timeout.as_millis()).unwrap_or(i64::MAX);
        work.deadline_ms.saturating_sub(timeout)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every critical section leaves the books whole, so a poisoned lock is still good.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Invocations that count against `ReservedConcurrentExecutions`.
    fn concurrency(&self) -> usize {
        self.waiting.len() + self.environments.values().filter(|slot| slot.is_busy()).count()
    }
}

#[cfg(test)]
pub(super) mod tests;
