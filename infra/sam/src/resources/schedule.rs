//! `AWS::Events::Rule` with a schedule, which SAM makes of a function's `Schedule` events too.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Created;
use crate::app::{Function, Schedule};
use crate::identity::physical_name;
use crate::properties::Properties;
use crate::scope::Scope;

const MEMBERS: [&str; 8] = [
    "Description",
    "EventBusName",
    "EventPattern",
    "Name",
    "RoleArn",
    "ScheduleExpression",
    "State",
    "Targets",
];

/// The rules that run here: those with a rate, and with one function of the template as their target.
pub(super) fn read(
    created: &[Created<'_>],
    scope: &Scope<'_>,
    functions: &BTreeMap<String, Function>,
) -> Vec<Schedule> {
    let rules = created.iter().filter(|created| created.resource.kind == "AWS::Events::Rule");
    rules.filter_map(|created| rule(created, scope, functions)).collect()
}

fn rule(
    created: &Created<'_>,
    scope: &Scope<'_>,
    functions: &BTreeMap<String, Function>,
) -> Option<Schedule> {
    let properties = created.properties(scope);
    properties.check_names(&MEMBERS);
    let expression = properties.text("ScheduleExpression")?;
    let targets = properties.maps("Targets");
    let [target] = targets.as_slice() else { return None };
    let arn = target.text("Arn")?;
    let name = arn.split_once(":function:")?.1.split(':').next()?;
    let function = functions.values().find(|function| function.name == name)?;
    if target.has("InputPath") || target.has("InputTransformer") {
        return None;
    }
    let every = rate(&properties, &expression)?;
    Some(Schedule {
        logical_id: created.resource.id.clone(),
        name: physical_name(scope, created.resource),
        function: function.logical_id.clone(),
        every,
        input: input(target),
        enabled: properties.text("State").is_none_or(|state| state != "DISABLED"),
    })
}

/// `rate(5 minutes)`; a `cron(…)` is none, and its rule does not run here.
fn rate(properties: &Properties<'_>, expression: &str) -> Option<Duration> {
    if expression.starts_with("cron(") {
        return None;
    }
    let inner = expression.strip_prefix("rate(").and_then(|rest| rest.strip_suffix(')'));
    let parts = inner.and_then(|inner| inner.split_once(' '));
    let parsed = parts.and_then(|(number, unit)| {
        let number: u64 = number.parse().ok().filter(|number| *number > 0)?;
        let seconds = match (unit.trim(), number) {
            ("minute", 1) | ("minutes", 2..) => 60,
            ("hour", 1) | ("hours", 2..) => 3600,
            ("day", 1) | ("days", 2..) => 86_400,
            _ => return None,
        };
        Some(Duration::from_secs(number.checked_mul(seconds)?))
    });
    if let (None, Some(value)) = (parsed, properties.get("ScheduleExpression")) {
        let message = format!(
            "`ScheduleExpression` must be like rate(1 minute), rate(5 minutes) or cron(0 12 * * ? *), not `{expression}`"
        );
        properties.report(value.at, &message);
    }
    parsed
}

fn input(target: &Properties<'_>) -> Option<serde_json::Value> {
    let text = target.text("Input")?;
    let input = serde_json::from_str(&text).ok();
    if let (None, Some(value)) = (&input, target.get("Input")) {
        target.report(value.at, "`Input` must be JSON");
    }
    input
}
