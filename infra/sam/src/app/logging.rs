//! What is logged and measured: of a stage's routes, and of a function.

use super::Throttle;

/// `DefaultRouteSettings` of a stage, or what `RouteSettings` says of one route.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct RouteSettings {
    /// How many requests it takes.
    pub throttle: Throttle,
    /// `LoggingLevel`: what the execution log has.
    pub logging_level: Option<LoggingLevel>,
    /// `DataTraceEnabled`: whether the execution log has whole messages and events.
    pub data_trace_enabled: Option<bool>,
    /// `DetailedMetricsEnabled`: whether metrics are kept by route, too.
    pub detailed_metrics_enabled: Option<bool>,
}

/// How much of a route's events is in the execution log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum LoggingLevel {
    /// Nothing.
    #[default]
    Off,
    /// What went wrong.
    Error,
    /// Every step.
    Info,
}

/// `LoggingConfig.LogFormat` of a function, with the levels that only JSON has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines as they come; Lambda's own are text.
    #[default]
    Text,
    /// Lambda's own lines are JSON, and levels leave lines out.
    Json {
        /// `ApplicationLogLevel`: the least level of the function's own lines.
        application: LogLevel,
        /// `SystemLogLevel`: the least level of Lambda's own lines.
        system: LogLevel,
    },
}

/// A level of Lambda's logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// `TRACE`
    Trace,
    /// `DEBUG`
    Debug,
    /// `INFO`
    Info,
    /// `WARN`
    Warn,
    /// `ERROR`
    Error,
    /// `FATAL`
    Fatal,
}

impl LogLevel {
    /// All levels, the least important first.
    const ALL: [Self; 6] = [Self::Trace, Self::Debug, Self::Info, Self::Warn, Self::Error, Self::Fatal];

    /// The level of this name, in any case.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.as_str().eq_ignore_ascii_case(name))
    }

    /// Its name, in upper case.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
        }
    }
}
