//! `AccessLogSettings`, with the checks that API Gateway makes when a stage is created ("Set up
//! logging for WebSocket APIs"), in its words.

use crate::app::AccessLog;
use crate::properties::Properties;

/// Reads a stage's settings. Access logs to Kinesis Data Firehose are not written locally.
pub(super) fn read(stage: &Properties<'_>) -> Option<AccessLog> {
    let settings = stage.map("AccessLogSettings")?;
    settings.check_names(&["DestinationArn", "Format"]);
    let format = settings.required_text("Format");
    let destination = settings.required_text("DestinationArn");
    if let Some(value) = settings.get("Format")
        && let Some(message) = refused(&format)
    {
        settings.report(value.at, message);
    }
    if let Some(value) = settings.get("DestinationArn")
        && !destination.starts_with("arn:")
        && !value.is_unknown()
    {
        let message = "`DestinationArn` must be the ARN of a log group, as `!GetAtt Group.Arn` gives it";
        settings.report(value.at, message);
    }
    Some(AccessLog { group: group(&destination)?.to_owned(), format })
}

fn refused(format: &str) -> Option<&'static str> {
    if format.trim_end_matches('\n').contains(['\n', '\r']) {
        Some("Access Log format must be single line")
    } else if format.contains(['\n', '\r']) {
        // A block of YAML keeps its last line break unless told not to.
        Some("Access Log format must be single line, and it ends with a line break; write `>-`, not `>`")
    } else if !mentions(format, "requestId") && !mentions(format, "extendedRequestId") {
        Some("Access Log format must include either $context.requestId or $context.extendedRequestId.")
    } else {
        None
    }
}

/// Whether the variable is there, in whole: `$context.requestIdentity` is another one.
fn mentions(format: &str, variable: &str) -> bool {
    ["$context.", "${context."].iter().any(|opening| {
        format.split(opening).skip(1).any(|rest| {
            let rest = rest.strip_prefix(variable);
            rest.is_some_and(|rest| {
                !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '.' || c == '_')
            })
        })
    })
}

/// `arn:aws:logs:region:account:log-group:name`, with or without `:*`.
fn group(arn: &str) -> Option<&str> {
    let (_, name) = arn.split_once(":log-group:")?;
    Some(name.strip_suffix(":*").unwrap_or(name))
}

#[cfg(test)]
mod tests {
    use super::{group, refused};

    #[test]
    fn a_format_is_one_line_with_a_request_id() {
        assert_eq!(refused("$context.requestId"), None);
        assert_eq!(refused("${context.extendedRequestId} $context.status"), None);
        assert!(refused("$context.requestId\n$context.status").unwrap().contains("must be single line"));
        assert!(refused("$context.requestId\n").unwrap().contains("`>-`"));
        assert!(refused("$context.requestIds $context.status").unwrap().contains("must include either"));
        assert!(refused("requestId").unwrap().contains("must include either"));
    }

    #[test]
    fn a_group_is_named_by_its_arn() {
        assert_eq!(group("arn:aws:logs:eu-west-1:1:log-group:/a/b:*"), Some("/a/b"));
        assert_eq!(group("arn:aws:logs:eu-west-1:1:log-group:/a/b"), Some("/a/b"));
        assert_eq!(group("arn:aws:firehose:eu-west-1:1:deliverystream/amazon-apigateway-x"), None);
    }
}
