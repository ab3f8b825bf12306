//! One metric: its data by unit and by time, finer for what is new.
//!
//! "Metrics retention" in CloudWatch's user guide: points of less than a minute are kept for 3 hours,
//! of a minute for 15 days, of 5 minutes for 63 days, of an hour for 455 days.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::bucket::{Bucket, LIVE_SAMPLES};
use super::disk::Part;
use super::journal::{Journal, Place, SECOND};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// How long each resolution is kept, in seconds.
pub(super) const SECONDS_KEPT: i64 = 3 * HOUR;
pub(super) const MINUTES_KEPT: i64 = 15 * DAY;
pub(super) const FIVES_KEPT: i64 = 63 * DAY;
pub(super) const HOURS_KEPT: i64 = 455 * DAY;

/// How old a minute is, in seconds, and how many different samples it keeps from then on.
pub(super) const AGEING: [(i64, usize); 2] = [(10 * MINUTE, 512), (3 * HOUR, 128)];

/// What makes a metric another metric. Units do not.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Identity {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) dimensions: BTreeMap<String, String>,
}

/// Which stretches of time are asked for, all in seconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    /// The first instant that counts.
    pub(crate) from: i64,
    /// The first one that does not.
    pub(crate) to: i64,
    pub(crate) period: i64,
    /// Where periods begin: a multiple of the period after this.
    pub(crate) phase: i64,
}

impl Grid {
    /// The start of the period that an instant is in.
    pub(crate) const fn start(&self, at: i64) -> i64 {
        at - (at - self.phase).rem_euclid(self.period)
    }

    /// The starts of all periods.
    pub(crate) fn starts(&self) -> impl Iterator<Item = i64> + use<> {
        let Self { from, to, period, .. } = *self;
        let first = self.start(from);
        (0..).map(move |number| first + number * period).take_while(move |start| *start < to)
    }
}

/// One metric with all its data.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) identity: Identity,
    /// The time of the newest datum, in milliseconds.
    newest: AtomicI64,
    /// Never held across an await.
    lanes: Mutex<Vec<Lane>>,
    /// When there is a file.
    journal: Option<Journal>,
}

/// The data of one unit.
#[derive(Debug)]
struct Lane {
    unit: &'static str,
    seconds: BTreeMap<i64, Bucket>,
    minutes: BTreeMap<i64, Bucket>,
    fives: BTreeMap<i64, Bucket>,
    hours: BTreeMap<i64, Bucket>,
    /// Minutes before these have aged.
    aged: [i64; AGEING.len()],
}

impl Series {
    /// An empty series; one with a journal notes what comes in for a file.
    pub(super) fn new(identity: Identity, journal: Option<Journal>) -> Self {
        Self { identity, newest: AtomicI64::new(i64::MIN), lanes: Mutex::default(), journal }
    }

    /// Puts data in their place that a file has kept.
    pub(super) fn restore(&self, (start, length, unit): Place, bucket: &Bucket) {
        self.newest.fetch_max(start * 1000, Ordering::Relaxed);
        let mut lanes = self.lock();
        let Some(lane) = lane_of(&mut lanes, unit) else { return };
        let tier = match length {
            SECOND => &mut lane.seconds,
            HOUR => &mut lane.hours,
            MINUTE => &mut lane.minutes,
            _ => &mut lane.fives,
        };
        let there = tier.entry(start).or_default();
        there.absorb(bucket, true);
        there.shrink(LIVE_SAMPLES);
    }

    /// Whether there is something that a file does not have yet.
    pub(super) fn has_news(&self) -> bool {
        self.journal.as_ref().is_some_and(Journal::has_news)
    }

    /// What a file does not have yet.
    pub(super) fn news(self: &Arc<Self>) -> impl Iterator<Item = Part> {
        let news = self.journal.as_ref().filter(|journal| journal.has_news()).map(Journal::take);
        let part = move |(place, bucket)| Part { series: Arc::clone(self), place, bucket };
        news.into_iter().flatten().map(part)
    }

    /// The time of the newest datum, in milliseconds.
    pub(crate) fn newest(&self) -> i64 {
        self.newest.load(Ordering::Relaxed)
    }

    /// Changes the bucket of a time; the one of its second as well when the datum is of high resolution.
    pub(crate) fn write(
        &self,
        unit: &'static str,
        timestamp_ms: i64,
        high_resolution: bool,
        change: impl Fn(&mut Bucket),
    ) {
        self.newest.fetch_max(timestamp_ms, Ordering::Relaxed);
        let second = timestamp_ms.div_euclid(1000);
        if let Some(journal) = &self.journal {
            journal.note(unit, second, high_resolution, &change);
        }
        let mut lanes = self.lock();
        let Some(lane) = lane_of(&mut lanes, unit) else { return };
        if high_resolution {
            change(lane.seconds.entry(second).or_default());
        }
        change(lane.minutes.entry(second - second.rem_euclid(MINUTE)).or_default());
    }

    /// The units that there are data of, within a time.
    pub(crate) fn units(&self, grid: &Grid) -> BTreeSet<&'static str> {
        self.lock().iter().filter(|lane| lane.has(grid)).map(|lane| lane.unit).collect()
    }

    /// Visits the data of a unit, put together by period: the starts of periods in order of time.
    pub(crate) fn each(&self, unit: &str, grid: &Grid, with_samples: bool, visit: impl FnMut(i64, &Bucket)) {
        let lanes = self.lock();
        if let Some(lane) = lanes.iter().find(|lane| lane.unit == unit) {
            lane.each(grid, with_samples, visit);
        }
    }

    /// Lets what is old grow coarse, and forgets what is too old. Times are in seconds.
    pub(super) fn roll_up(&self, now: i64) {
        self.lock().iter_mut().for_each(|lane| lane.roll_up(now));
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Lane>> {
        // Sums that lack a value are still sums.
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The data of a unit, made when there are none.
fn lane_of<'a>(lanes: &'a mut Vec<Lane>, unit: &'static str) -> Option<&'a mut Lane> {
    let index = lanes.iter().position(|lane| lane.unit == unit).unwrap_or_else(|| {
        lanes.push(Lane::new(unit));
        lanes.len() - 1
    });
    lanes.get_mut(index)
}

impl Lane {
    const fn new(unit: &'static str) -> Self {
        Self {
            unit,
            seconds: BTreeMap::new(),
            minutes: BTreeMap::new(),
            fives: BTreeMap::new(),
            hours: BTreeMap::new(),
            aged: [i64::MIN; AGEING.len()],
        }
    }

    /// The resolutions that can answer for a period, the coarse and old one first.
    fn tiers(&self, period: i64) -> impl Iterator<Item = &BTreeMap<i64, Bucket>> {
        // Data of a minute's resolution answer for shorter periods as well, at their minute.
        let short = period < MINUTE && !self.seconds.is_empty();
        let tiers = [
            (period % HOUR == 0, &self.hours),
            (period % (5 * MINUTE) == 0, &self.fives),
            (!short, &self.minutes),
            (short, &self.seconds),
        ];
        tiers.into_iter().filter(|(answers, _)| *answers).map(|(_, tier)| tier)
    }

    fn has(&self, grid: &Grid) -> bool {
        let from = grid.start(grid.from);
        self.tiers(grid.period).any(|tier| tier.range(from..grid.to.max(from)).next().is_some())
    }

    fn each(&self, grid: &Grid, with_samples: bool, mut visit: impl FnMut(i64, &Bucket)) {
        let from = grid.start(grid.from);
        let mut found: Vec<(i64, &Bucket)> = Vec::new();
        for tier in self.tiers(grid.period) {
            let range = tier.range(from..grid.to.max(from));
            found.extend(range.map(|(at, bucket)| (grid.start(*at), bucket)));
        }
        // In order already, but where one resolution goes over into the next.
        found.sort_by_key(|(start, _)| *start);
        for same in found.chunk_by(|(one, _), (next, _)| one == next) {
            match same {
                // Nothing is copied when a period has one bucket, as with most queries each has.
                [(start, alone)] => visit(*start, alone),
                [(start, _), ..] => {
                    let mut together = Bucket::default();
                    same.iter().for_each(|(_, bucket)| together.absorb(bucket, with_samples));
                    visit(*start, &together);
                }
                [] => {}
            }
        }
    }

    fn roll_up(&mut self, now: i64) {
        self.seconds = self.seconds.split_off(&(now - SECONDS_KEPT));
        self.hours = self.hours.split_off(&(now - HOURS_KEPT));
        for ((age, limit), aged) in AGEING.into_iter().zip(&mut self.aged) {
            let until = now - age;
            for (_, bucket) in self.minutes.range_mut(*aged..until.max(*aged)) {
                bucket.shrink(limit);
            }
            *aged = until.max(*aged);
        }
        coarsen(&mut self.minutes, now - MINUTES_KEPT, &mut self.fives, 5 * MINUTE);
        coarsen(&mut self.fives, now - FIVES_KEPT, &mut self.hours, HOUR);
    }
}

/// Moves what is older than `until` to a coarser resolution.
fn coarsen(fine: &mut BTreeMap<i64, Bucket>, until: i64, coarse: &mut BTreeMap<i64, Bucket>, period: i64) {
    // Whole periods only: half of one would be gone from its finer resolution too soon.
    let until = until - until.rem_euclid(period);
    if fine.first_key_value().is_none_or(|(oldest, _)| *oldest >= until) {
        return;
    }
    let kept = fine.split_off(&until);
    for (at, bucket) in std::mem::replace(fine, kept) {
        let merged = coarse.entry(at - at.rem_euclid(period)).or_default();
        merged.absorb(&bucket, true);
        merged.shrink(AGEING.map(|(_, limit)| limit).into_iter().min().unwrap_or(8));
    }
}

/// One series, one unit: for whoever writes often.
#[derive(Debug, Clone)]
pub struct Recorder {
    pub(super) series: Arc<Series>,
    pub(super) unit: &'static str,
}

impl Recorder {
    /// Keeps one value, measured at a time in milliseconds since the epoch.
    pub fn record(&self, timestamp: i64, value: f64) {
        self.series.write(self.unit, timestamp, false, |bucket| bucket.sample(value, 1.0));
    }
}
