//! What can be wrong with a document.

use std::fmt;

/// Why something was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// The line was meant as a document and is not JSON.
    NotJson,
    /// Something follows the document on its line.
    TrailingData,
    /// More than 1 MB.
    TooLarge,
    /// `_aws` is not an object.
    AwsNotObject,
    /// There is no `Timestamp`.
    TimestampMissing,
    /// `Timestamp` is not a whole number of milliseconds.
    TimestampNotInteger,
    /// More than 14 days ago; seconds in place of milliseconds look like that.
    TimestampTooOld,
    /// More than 2 hours ahead.
    TimestampTooNew,
    /// `CloudWatchMetrics` is not a list.
    CloudWatchMetricsNotArray,
    /// A directive is not an object, or lacks `Namespace`, `Dimensions` or `Metrics` in their types.
    DirectiveMemberMissing,
    /// Empty, longer than 255 characters, beginning with `:`, or CloudWatch's own (`AWS/…`).
    NamespaceInvalid,
    /// `Dimensions` has no set; `[[]]` says that there are no dimensions.
    DimensionsEmptyOuter,
    /// A set of more than 30 dimensions.
    DimensionSetTooBig,
    /// The document has no member of a dimension's name.
    DimensionTargetMissing,
    /// That member is not a string.
    DimensionTargetNotString,
    /// It is longer than 1,024 characters.
    DimensionTargetTooLong,
    /// It is empty.
    DimensionTargetEmpty,
    /// More than 100 metrics in a directive.
    TooManyMetrics,
    /// Empty, longer than 255 characters, or no string.
    MetricNameInvalid,
    /// The document has no member of a metric's name.
    MetricTargetMissing,
    /// That member is no number, list of numbers, histogram or statistic set.
    MetricTargetNotNumeric,
    /// A list of more than 100 numbers.
    MetricTargetArrayTooLong,
    /// A list of none.
    MetricTargetArrayEmpty,
    /// Beyond 2^360.
    MetricTargetOutOfRange,
    /// None of CloudWatch's 27 units.
    UnitUnknown,
    /// Neither 1 nor 60.
    ResolutionInvalid,
}

impl Reason {
    /// The reason's name, as it is told.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotJson => "not-json",
            Self::TrailingData => "trailing-data",
            Self::TooLarge => "too-large",
            Self::AwsNotObject => "aws-not-object",
            Self::TimestampMissing => "timestamp-missing",
            Self::TimestampNotInteger => "timestamp-not-integer",
            Self::TimestampTooOld => "timestamp-too-old",
            Self::TimestampTooNew => "timestamp-too-new",
            Self::CloudWatchMetricsNotArray => "cloudwatchmetrics-not-array",
            Self::DirectiveMemberMissing => "directive-member-missing",
            Self::NamespaceInvalid => "namespace-invalid",
            Self::DimensionsEmptyOuter => "dimensions-empty-outer",
            Self::DimensionSetTooBig => "dimension-set-too-big",
            Self::DimensionTargetMissing => "dimension-target-missing",
            Self::DimensionTargetNotString => "dimension-target-not-string",
            Self::DimensionTargetTooLong => "dimension-target-too-long",
            Self::DimensionTargetEmpty => "dimension-target-empty",
            Self::TooManyMetrics => "too-many-metrics",
            Self::MetricNameInvalid => "metric-name-invalid",
            Self::MetricTargetMissing => "metric-target-missing",
            Self::MetricTargetNotNumeric => "metric-target-not-numeric",
            Self::MetricTargetArrayTooLong => "metric-target-array-too-long",
            Self::MetricTargetArrayEmpty => "metric-target-array-empty",
            Self::MetricTargetOutOfRange => "metric-target-out-of-range",
            Self::UnitUnknown => "unit-unknown",
            Self::ResolutionInvalid => "resolution-invalid",
        }
    }
}

impl Reason {
    /// Whether the document's structure cannot be read: such events count as `EMFParsingErrors`, those
    /// whose metrics break a rule as `EMFValidationErrors`. AWS says no more than that; which reason
    /// belongs to which is our choice.
    #[must_use]
    pub const fn is_parsing(self) -> bool {
        matches!(
            self,
            Self::NotJson
                | Self::TrailingData
                | Self::AwsNotObject
                | Self::TimestampMissing
                | Self::TimestampNotInteger
                | Self::CloudWatchMetricsNotArray
                | Self::DirectiveMemberMissing
        )
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fault {
    /// Why.
    pub reason: Reason,
    /// Where: a path of members such as `_aws.CloudWatchMetrics[0].Namespace`, or a member's name.
    pub place: String,
}

/// Gathers faults.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Fault>);

impl Faults {
    pub(super) fn add(&mut self, reason: Reason, place: &str) {
        self.0.push(Fault { reason, place: place.to_owned() });
    }

    pub(super) fn into_vec(self) -> Vec<Fault> {
        self.0
    }
}
