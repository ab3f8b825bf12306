//! The command line.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use local::Fault;

use crate::connections::ConnectionsOptions;
use crate::load::LoadOptions;
use crate::metrics::MetricsOptions;
use crate::publish::PublishOptions;
use crate::query::QueryOptions;
use crate::tail::TailOptions;
use crate::trace::TraceOptions;

/// Runs a SAM WebSocket application on this machine: API Gateway, Lambda and DynamoDB from the
/// template that deploys it.
#[derive(Debug, Parser)]
#[command(
    name = "switchboard",
    version,
    args_conflicts_with_subcommands = true,
    after_help = "Without a subcommand it is `up`. Example:\n  switchboard --port 0 --json"
)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Option<Subcommand>,
    #[command(flatten)]
    pub(crate) up: UpOptions,
}

/// The subcommands.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Subcommand {
    /// Start the local AWS from the template and stay (the default).
    #[command(after_help = "Example:\n  switchboard up --template template.yaml --parameter StageName=dev")]
    Up(UpOptions),
    /// Read a template and say what the local AWS would run, or what is wrong with it.
    #[command(after_help = "Example:\n  switchboard check --template template.yaml --config-env prod")]
    Check(ProjectOptions),
    /// Show log lines as they come, of AWS or with --local of the running `up`.
    #[command(after_help = "Examples:\n  switchboard tail --local\n  \
        switchboard tail chat --since 1h --filter '{ $.level = \"ERROR\" }' --no-follow")]
    Tail(TailOptions),
    /// Show CloudWatch's metrics: a table of what there is, or values and charts of some.
    #[command(after_help = "Examples:\n  switchboard metrics --local\n  \
        switchboard metrics MessageCount --dimensions Stage=prod --stat Sum --since 3h")]
    Metrics(MetricsOptions),
    /// Ask the logs in the language of CloudWatch Logs Insights.
    #[command(after_help = "Examples:\n  switchboard query --local 'stats count(*) by routeKey, status'\n  \
        switchboard query --saved errors --since 1d --csv")]
    Query(QueryOptions),
    /// Show one connection's whole life: its lines in the access log and in the functions' logs.
    #[command(after_help = "Example:\n  switchboard trace --local L0SM9cOFvHcCIhw=")]
    Trace(TraceOptions),
    /// Show who is connected to a Switchboard: all, or by channel, or by user.
    #[command(after_help = "Examples:\n  switchboard connections --local --channel room:1\n  \
        switchboard connections --user alice --table switchboard-prod --json\n\n\
        By channel and by user it is a Query and a read of each connection. All of them are found by a Scan, which \
        reads the table up to the last one that is shown: half a read unit for each 4 KB.")]
    Connections(ConnectionsOptions),
    /// Publish to a channel through the server API.
    #[command(after_help = "Examples:\n  switchboard publish --local room:1 '{\"text\":\"hi\"}'\n  \
        SWITCHBOARD_API_KEY=... switchboard publish --url https://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com news:1 '\"hi\"'")]
    Publish(PublishOptions),
    /// Open connections, subscribe, publish at a rate, and tell how long things took.
    #[command(
        after_help = "Examples:\n  switchboard load --local --connections 100 --rate 20 --duration 30s\n  \
        switchboard load --url wss://a1b2c3d4e5.execute-api.us-east-1.amazonaws.com/dev --channel room:load --svg load.svg"
    )]
    Load(LoadOptions),
}

/// Which template, with which parameters.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct ProjectOptions {
    /// The SAM template.
    #[arg(long, value_name = "PATH", default_value = "infra/template.yaml")]
    pub(crate) template: PathBuf,
    /// The environment of the samconfig.toml beside the template whose parameter_overrides apply
    /// [default: local, or else default, where there is one].
    #[arg(long, value_name = "NAME")]
    pub(crate) config_env: Option<String>,
    /// A template parameter; wins over samconfig.toml. Can be given many times.
    #[arg(long = "parameter", value_name = "KEY=VALUE", value_parser = parameter)]
    pub(crate) parameters: Vec<(String, String)>,
    /// What `{{resolve:ssm:NAME}}` and parameters of the type AWS::SSM::Parameter::Value<…> find under NAME
    /// in Systems Manager's Parameter Store; @FILE takes a file's text. Can be given many times.
    #[arg(long = "ssm", value_name = "NAME=VALUE|@FILE", value_parser = ssm)]
    pub(crate) ssm: Vec<(String, String)>,
}

/// How to run it.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct UpOptions {
    #[command(flatten)]
    pub(crate) project: ProjectOptions,
    /// The address to listen on.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub(crate) host: IpAddr,
    /// The port of the WebSocket API and of @connections; 0 takes any free one.
    #[arg(long, value_name = "PORT", default_value_t = 3001)]
    pub(crate) port: u16,
    /// The port of the HTTP APIs, when the template has any; 0 takes any free one.
    #[arg(long, value_name = "PORT", default_value_t = 3002)]
    pub(crate) http_port: u16,
    /// The port of the AWS services (DynamoDB, SQS, CloudWatch, CloudWatch Logs); 0 takes any free one.
    #[arg(long, value_name = "PORT", default_value_t = 4566)]
    pub(crate) aws_port: u16,
    /// Build the functions with optimisation.
    #[arg(long)]
    pub(crate) release: bool,
    /// Run the 10-minute and 2-hour clocks of connections, and schedules, so many times faster.
    #[arg(long, value_name = "N", default_value_t = 1.0, value_parser = time_scale)]
    pub(crate) time_scale: f64,
    /// Take as many requests and new connections a second as come: AWS's limits of an account are
    /// off. What the template's stages limit stays limited.
    #[arg(long)]
    pub(crate) no_quotas: bool,
    /// Let something go wrong; can be given many times. SHARE is a part of all cases, 0.1 or 1.
    ///
    /// drop-disconnect[=SHARE]         $disconnect is not told
    /// lose-connection[=SHARE]         a connection breaks after a message, without a close frame
    /// callback-delay=250ms[:SHARE]    a callback takes longer
    /// callback-status=429[:SHARE]     a callback is refused with this status
    /// kill-function=NAME[:SHARE]      a function's process is killed when it is invoked
    /// seed=42                         the same cases meet the same faults again
    #[arg(long = "fault", value_name = "RULE", verbatim_doc_comment)]
    pub(crate) faults: Vec<Fault>,
    /// Take @connections calls and handshakes of AWS_IAM routes without checking their signatures.
    #[arg(long)]
    pub(crate) no_verify_signatures: bool,
    /// Let functions do only what the template's policies allow: every other call of theirs is refused,
    /// as on AWS.
    #[arg(long, conflicts_with = "no_verify_signatures")]
    pub(crate) enforce_iam: bool,
    /// A folder that keeps tables, logs, metrics and alarms over restarts; without it they are in
    /// memory.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// How log lines are shown.
    #[arg(long, value_name = "FORM", value_enum, default_value_t = LogLines::Short)]
    pub(crate) logs: LogLines,
    /// Print one line of JSON with the addresses when everything answers, and nothing else on
    /// standard output; log lines go to standard error, as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// How the lines of the gateway's logs and of functions are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLines {
    /// What matters of each line. Steps of the execution log and Lambda's lines about every
    /// invocation are left out, unless something failed.
    Short,
    /// All lines as they were written.
    Full,
    /// Not at all.
    None,
}

fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

fn ssm(text: &str) -> Result<(String, String), String> {
    let (name, value) = parameter(text).map_err(|_| "expected NAME=VALUE or NAME=@FILE".to_owned())?;
    let Some(file) = value.strip_prefix('@') else { return Ok((name, value)) };
    let text = std::fs::read_to_string(file).map_err(|error| format!("{file} cannot be read: {error}"))?;
    Ok((name, text))
}

fn time_scale(text: &str) -> Result<f64, String> {
    let scale: f64 = text.parse().map_err(|_| "expected a number".to_owned())?;
    if scale.is_finite() && scale > 0.0 { Ok(scale) } else { Err("expected a number above 0".to_owned()) }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Args::command().debug_assert();
    }

    #[test]
    fn up_is_the_default() {
        let args = Args::try_parse_from(["switchboard", "--port", "0", "--parameter", "A=b=c"]).unwrap();
        assert!(args.command.is_none());
        assert_eq!(args.up.port, 0);
        assert!(!args.up.no_verify_signatures);
        assert_eq!(args.up.project.parameters, [("A".to_owned(), "b=c".to_owned())]);
    }

    #[test]
    fn signatures_are_checked_unless_that_is_switched_off() {
        let args = Args::try_parse_from(["switchboard", "--no-verify-signatures"]).unwrap();
        assert!(args.up.no_verify_signatures);
    }

    #[test]
    fn functions_are_held_to_their_roles_only_with_signatures() {
        let parse = |arguments: &[&str]| Args::try_parse_from([&["switchboard"], arguments].concat());
        assert!(parse(&["--enforce-iam"]).unwrap().up.enforce_iam);
        assert_eq!(parse(&["--enforce-iam", "--no-verify-signatures"]).unwrap_err().exit_code(), 2);
    }

    #[test]
    fn bad_values_are_bad_usage() {
        for arguments in [
            ["--time-scale", "0"],
            ["--time-scale", "x"],
            ["--parameter", "A"],
            ["--ssm", "A"],
            ["--ssm", "A=@no/such/file"],
            ["--port", "99999"],
            ["--fault", "x"],
        ] {
            let error = Args::try_parse_from(["switchboard"].into_iter().chain(arguments)).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{arguments:?}");
        }
    }
}
