//! What a request says of an alarm, checked.
//!
//! "PutMetricAlarm" and "PutCompositeAlarm" in CloudWatch's API reference.

use super::error::ApiError;
use super::get_data::{identity, queries};
use super::put::read_unit;
use super::reader::Reader;
use crate::alarms::{AlarmStore, Comparison, Definition, Kind, Missing, Rule, State, Watch};
use crate::document::{Document, Members};
use crate::metrics::MetricStore;
use crate::metrics::math::parse;
use crate::metrics::query::{MetricStat, Query, Source, Window, run};
use crate::metrics::statistic::BASIC;

/// The members that `DescribeAlarms` tells as they were put.
const MEMBERS: [&str; 20] = [
    "AlarmName",
    "AlarmDescription",
    "ActionsEnabled",
    "OKActions",
    "AlarmActions",
    "InsufficientDataActions",
    "MetricName",
    "Namespace",
    "Statistic",
    "ExtendedStatistic",
    "Dimensions",
    "Period",
    "Unit",
    "EvaluationPeriods",
    "DatapointsToAlarm",
    "Threshold",
    "ComparisonOperator",
    "TreatMissingData",
    "EvaluateLowSampleCountPercentile",
    "Metrics",
];

/// Members of these names are whole numbers, truth values and lists, however a protocol writes them.
const INTEGERS: [&str; 3] = ["Period", "EvaluationPeriods", "DatapointsToAlarm"];
const TRUTHS: [&str; 2] = ["ActionsEnabled", "ReturnData"];
const ACTIONS: [(&str, State); 3] = [
    ("OKActions", State::Ok),
    ("AlarmActions", State::Alarm),
    ("InsufficientDataActions", State::InsufficientData),
];

/// Actions of one state.
const MAX_ACTIONS: usize = 5;

/// Metrics of an alarm, and as many expressions.
const MAX_QUERIES: usize = 10;

const HOUR: i64 = 60 * 60;
const DAY: i64 = 24 * HOUR;

/// Comparisons with a band, which anomaly detection makes.
const BANDS: [&str; 3] =
    ["LessThanLowerOrGreaterThanUpperThreshold", "LessThanLowerThreshold", "GreaterThanUpperThreshold"];

/// An alarm of metrics.
pub(super) fn metric(input: &Reader<'_>) -> Result<Definition, ApiError> {
    let name = input.name("AlarmName")?;
    for unknown in ["EvaluationWindow", "ThresholdMetricId"] {
        if input.has(unknown) {
            return Err(ApiError::validation(format!("The local CloudWatch does not support {unknown}.")));
        }
    }
    let (queries, period) = if input.has("Metrics") { of_math(input)? } else { of_one_metric(input)? };
    let evaluation_periods =
        positive(input, "EvaluationPeriods")?.ok_or_else(|| ApiError::missing("EvaluationPeriods"))?;
    check_span(period, evaluation_periods)?;
    let datapoints_to_alarm = positive(input, "DatapointsToAlarm")?;
    if datapoints_to_alarm.is_some_and(|m| m > evaluation_periods) {
        return Err(ApiError::validation(
            "The value for DatapointsToAlarm must be less than or equal to EvaluationPeriods.",
        ));
    }
    let missing = input.text("TreatMissingData")?.map(|text| {
        let unknown = || {
            ApiError::validation(format!("The value {text} for TreatMissingData parameter is not supported."))
        };
        Missing::named(text).ok_or_else(unknown)
    });
    let low = input.one_of("EvaluateLowSampleCountPercentile", &["evaluate", "ignore"])?;
    let watch = Watch {
        queries,
        period,
        comparison: comparison(input)?,
        threshold: input.number("Threshold")?.ok_or_else(|| ApiError::missing("Threshold"))?,
        evaluation_periods,
        datapoints_to_alarm,
        missing: missing.transpose()?.unwrap_or_default(),
        ignores_few_samples: low == Some("ignore"),
    };
    definition(input, name, Kind::Metric(watch))
}

/// An alarm over other alarms, which must be there.
pub(super) fn composite(input: &Reader<'_>, alarms: &AlarmStore) -> Result<Definition, ApiError> {
    let definition = rule(input)?;
    let Kind::Composite(rule) = &definition.kind else { return Ok(definition) };
    let there = alarms.all();
    for alarm in rule.alarms() {
        let is_itself = alarm == definition.name;
        if is_itself || !there.iter().any(|entry| entry.definition.name == alarm) {
            let what = if is_itself { "itself" } else { "that does not exist" };
            let text =
                format!("Could not save the composite alarm as its rule uses an alarm {what}: {alarm}");
            return Err(ApiError::validation(text));
        }
    }
    Ok(definition)
}

/// An alarm over other alarms, whether they are there or not.
pub(super) fn rule(input: &Reader<'_>) -> Result<Definition, ApiError> {
    let name = input.name("AlarmName")?;
    if input.has("ActionsSuppressor") {
        return Err(ApiError::validation("The local CloudWatch does not support ActionsSuppressor."));
    }
    let text = input.required_text("AlarmRule")?;
    let rule = Rule::parse(text)
        .map_err(|error| ApiError::validation(format!("Error in AlarmRule [{text}]: {error}")))?;
    let mut definition = definition(input, name, Kind::Composite(rule))?;
    definition.members.push(("AlarmRule".to_owned(), Document::text(text)));
    Ok(definition)
}

fn definition(input: &Reader<'_>, name: &str, kind: Kind) -> Result<Definition, ApiError> {
    let mut actions = Vec::new();
    for (member, state) in ACTIONS {
        let arns = input.texts(member)?;
        if arns.len() > MAX_ACTIONS {
            let text = format!("The collection {member} must not have a size greater than {MAX_ACTIONS}.");
            return Err(ApiError::validation(text));
        }
        actions.extend(arns.into_iter().map(|arn| (state, arn)));
    }
    let mut members = Members::new();
    for member in MEMBERS {
        let empty = || Document::List(Vec::new());
        let lists = ACTIONS.iter().any(|(name, _)| *name == member)
            || (member == "Dimensions" && input.has("MetricName"));
        match input.document().get(member) {
            Some(Document::Text(text)) if lists && text.is_empty() => {
                members.push((member.to_owned(), empty()))
            }
            Some(value) => members.push((member.to_owned(), canonical(member, value))),
            None if lists => members.push((member.to_owned(), empty())),
            None => {}
        }
    }
    Ok(Definition {
        name: name.to_owned(),
        members,
        actions_enabled: input.truth("ActionsEnabled")?.unwrap_or(true),
        actions,
        kind,
    })
}

/// A member in the type that answers have it in.
fn canonical(name: &str, value: &Document) -> Document {
    match value {
        Document::Map(members) => {
            let member = |(name, value): &(String, Document)| (name.clone(), canonical(name, value));
            Document::Map(members.iter().map(member).collect())
        }
        Document::List(items) => Document::List(items.iter().map(|item| canonical(name, item)).collect()),
        _ => {
            let whole = Document::Map(vec![(name.to_owned(), value.clone())]);
            let reader = Reader::root(&whole);
            let typed = if INTEGERS.contains(&name) {
                reader.integer(name).ok().flatten().map(Document::Int)
            } else if TRUTHS.contains(&name) {
                reader.truth(name).ok().flatten().map(Document::Bool)
            } else if name == "Threshold" {
                reader.number(name).ok().flatten().map(Document::Double)
            } else {
                None
            };
            typed.unwrap_or_else(|| value.clone())
        }
    }
}

fn of_one_metric(input: &Reader<'_>) -> Result<(Vec<Query>, i64), ApiError> {
    let identity = identity(input)?;
    let period = input.integer("Period")?.ok_or_else(|| ApiError::missing("Period"))?;
    let basic = input.one_of("Statistic", &BASIC)?;
    let text = match (basic, input.text("ExtendedStatistic")?) {
        (Some(text), None) | (None, Some(text)) => text,
        (None, None) => return Err(ApiError::missing("Statistic")),
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid_combination(
                "The parameters Statistic and ExtendedStatistic are mutually exclusive and you have specified both.",
            ));
        }
    };
    let statistic = text.parse().map_err(|()| input.invalid("ExtendedStatistic", text))?;
    let period = alarm_period(period)?;
    let metric = MetricStat { identity, period, statistic, unit: read_unit(input)? };
    let id = "m".to_owned();
    let query = Query { id, source: Source::Metric(metric), label: None, return_data: true, period: None };
    Ok((vec![query], period))
}

fn of_math(input: &Reader<'_>) -> Result<(Vec<Query>, i64), ApiError> {
    for other in ["MetricName", "Namespace", "Dimensions", "Period", "Statistic", "ExtendedStatistic", "Unit"]
    {
        if input.has(other) {
            return Err(ApiError::invalid_combination(format!(
                "The parameters Metrics and {other} are mutually exclusive and you have specified both."
            )));
        }
    }
    let queries = queries(input, "Metrics")?;
    let metrics = queries.iter().filter(|query| matches!(query.source, Source::Metric(_))).count();
    if metrics.max(queries.len() - metrics) > MAX_QUERIES {
        return Err(ApiError::validation(format!(
            "The collection Metrics must not have more than {MAX_QUERIES} metrics and {MAX_QUERIES} expressions."
        )));
    }
    if queries.iter().filter(|query| query.return_data).count() != 1 {
        return Err(ApiError::validation("Exactly one element of the metrics list should return data."));
    }
    let mut periods = Vec::new();
    for query in &queries {
        match &query.source {
            Source::Metric(metric) => periods.push(alarm_period(metric.period)?),
            Source::Expression(text) => {
                periods.extend(query.period);
                if parse(text).is_ok_and(|expression| expression.functions().contains("SEARCH")) {
                    return Err(ApiError::validation("SEARCH is not supported on Metric Alarms."));
                }
            }
        }
    }
    // What the expressions come to does not depend on the data.
    let window = Window { from: 0, to: 60, sliding: true };
    let outcomes = run(&MetricStore::default(), &queries, window);
    let outcomes = outcomes.map_err(|error| ApiError::validation(error.to_string()))?;
    if outcomes.len() != 1 {
        return Err(ApiError::validation("The expression of an alarm must come to a single time series."));
    }
    let period = periods.into_iter().max();
    Ok((queries, period.ok_or_else(|| ApiError::validation("The alarm's Metrics must have a Period."))?))
}

fn comparison(input: &Reader<'_>) -> Result<Comparison, ApiError> {
    let name = input.required_text("ComparisonOperator")?;
    if BANDS.contains(&name) {
        let text = "The local CloudWatch has no anomaly detection, which this ComparisonOperator needs.";
        return Err(ApiError::validation(text));
    }
    Comparison::named(name).ok_or_else(|| {
        let set = [
            "GreaterThanOrEqualToThreshold",
            "GreaterThanThreshold",
            "LessThanThreshold",
            "LessThanOrEqualToThreshold",
        ];
        ApiError::not_of_set(name, "ComparisonOperator", &[&set[..], &BANDS[..]].concat())
    })
}

/// A number of at least one.
fn positive(input: &Reader<'_>, name: &str) -> Result<Option<usize>, ApiError> {
    let Some(number) = input.integer(name)? else { return Ok(None) };
    match usize::try_from(number) {
        Ok(number @ 1..) => Ok(Some(number)),
        _ => Err(input.invalid(name, &number.to_string())),
    }
}

fn alarm_period(period: i64) -> Result<i64, ApiError> {
    if matches!(period, 10 | 20 | 30) || (period > 0 && period % 60 == 0) {
        return Ok(period);
    }
    Err(ApiError::validation("Valid values for Period are 10, 20, 30 and any multiple of 60."))
}

/// A day, or a week when periods have an hour at least.
fn check_span(period: i64, evaluation_periods: usize) -> Result<(), ApiError> {
    let periods = i64::try_from(evaluation_periods).unwrap_or(i64::MAX);
    let (limit, what) = if period < HOUR { (DAY, "a day") } else { (7 * DAY, "seven days") };
    if period.saturating_mul(periods) <= limit {
        return Ok(());
    }
    Err(ApiError::validation(format!(
        "Metrics cannot be checked across more than {what} (EvaluationPeriods * Period must be <= {limit})."
    )))
}
