//! CloudWatch's alarms.

/// One alarm, of metrics or of other alarms.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarm {
    /// The resource's name in the template.
    pub logical_id: String,
    /// What `!Ref` gives: `AlarmName`, or `{stack}-{logical id}`.
    pub name: String,
    /// Whether it is an `AWS::CloudWatch::CompositeAlarm`.
    pub composite: bool,
    /// The body of a `PutMetricAlarm` or `PutCompositeAlarm` call, as CloudWatch's API spells its members;
    /// numbers and truth values are texts.
    pub put: serde_json::Value,
}
