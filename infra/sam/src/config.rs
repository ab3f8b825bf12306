//! `samconfig.toml`: the parameter values that an environment gives.
//!
//! SAM's "configuration file": `[ENVIRONMENT.COMMAND.parameters]`, here those of `deploy`, or else of
//! `global`; `parameter_overrides` as one text, as a list of texts, or as a table.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

use crate::error::did_you_mean;

/// Why an environment's parameter values cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file is there and cannot be read.
    #[error("{}: it cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The file is not TOML.
    #[error("{}:{line}:{column}: this is not TOML: {message}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// 1-based line.
        line: usize,
        /// 1-based column, in characters.
        column: usize,
        /// What is wrong there.
        message: String,
    },
    /// The file has no such environment.
    #[error("{}: it has no environment `{environment}`{hint}", path.display())]
    UnknownEnvironment {
        /// The file.
        path: PathBuf,
        /// The environment asked for.
        environment: String,
        /// The nearest one, or those that there are.
        hint: String,
    },
    /// `parameter_overrides` is not a list of `Key=Value`.
    #[error("{}: the parameter_overrides of the environment `{environment}` {problem}", path.display())]
    Overrides {
        /// The file.
        path: PathBuf,
        /// The environment.
        environment: String,
        /// What is wrong with them.
        problem: String,
    },
}

/// The `parameter_overrides` of an environment; none when there is no file, or it has none.
///
/// # Errors
/// The file cannot be read or is not TOML, has no such environment, or the overrides are not
/// `Key=Value`.
pub fn parameter_overrides(
    samconfig: &Path,
    environment: &str,
) -> Result<BTreeMap<String, String>, ConfigError> {
    let path = || samconfig.to_owned();
    let text = match std::fs::read_to_string(samconfig) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(source) => return Err(ConfigError::Unreadable { path: path(), source }),
    };
    let config = text.parse::<Table>().map_err(|error| malformed(samconfig, &text, &error))?;
    let Some(section) = config.get(environment).and_then(Value::as_table) else {
        let hint = known_environments(&config, environment);
        return Err(ConfigError::UnknownEnvironment {
            path: path(),
            environment: environment.to_owned(),
            hint,
        });
    };
    let overrides = ["deploy", "global"]
        .iter()
        .find_map(|command| section.get(*command)?.get("parameters")?.get("parameter_overrides"));
    let Some(overrides) = overrides else { return Ok(BTreeMap::new()) };
    read(overrides).map_err(|problem| ConfigError::Overrides {
        path: path(),
        environment: environment.to_owned(),
        problem,
    })
}

fn malformed(path: &Path, text: &str, error: &toml::de::Error) -> ConfigError {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let last_line = before.rsplit('\n').next().unwrap_or_default();
    ConfigError::Malformed {
        path: path.to_owned(),
        line: before.matches('\n').count() + 1,
        column: last_line.chars().count() + 1,
        message: error.message().to_owned(),
    }
}

fn known_environments(config: &Table, asked: &str) -> String {
    let names = || config.iter().filter(|(_, value)| value.is_table()).map(|(name, _)| name.as_str());
    match did_you_mean(asked, names()) {
        hint if !hint.is_empty() => hint,
        _ => match names().collect::<Vec<_>>().join(", ") {
            known if known.is_empty() => String::new(),
            known => format!("; it has {known}"),
        },
    }
}

fn read(overrides: &Value) -> Result<BTreeMap<String, String>, String> {
    let pairs = match overrides {
        Value::String(text) => words(text)?.iter().map(|word| pair(word)).collect::<Result<_, _>>()?,
        Value::Array(items) => {
            let mut pairs = Vec::new();
            for item in items {
                let item = item.as_str().ok_or("are a list, and not every item of it is a text")?;
                for word in words(item)? {
                    pairs.push(pair(&word)?);
                }
            }
            pairs
        }
        Value::Table(table) => {
            let pair = |(key, value): (&String, &Value)| Some((key.clone(), plain(value)?));
            table
                .iter()
                .map(pair)
                .collect::<Option<_>>()
                .ok_or("are a table, and not every value is plain")?
        }
        _ => return Err("must be a text, a list of texts, or a table".to_owned()),
    };
    Ok(pairs.into_iter().collect())
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(truth) => Some(truth.to_string()),
        Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    }
}

/// `Key=Value`, or the older `ParameterKey=Key,ParameterValue=Value`.
fn pair(word: &str) -> Result<(String, String), String> {
    let split = match word.strip_prefix("ParameterKey=") {
        Some(rest) => rest.split_once(",ParameterValue="),
        None => word.split_once('='),
    };
    match split {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(format!("must be Key=Value, and `{word}` is not")),
    }
}

/// Cuts at spaces outside quotes, and takes the quotes and the backslashes away.
fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match (c, quote) {
            ('\\', _) => word.get_or_insert_default().extend(characters.next()),
            (c, Some(open)) if c == open => quote = None,
            // A quote opens where a word or a value starts.
            ('"' | '\'', None) if word.as_deref().is_none_or(|word| word.ends_with('=')) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            // SAM ends the value here without a word about it.
            ('"', None) => {
                return Err(format!("have a quote inside a value, which must then be quoted whole: {text}"));
            }
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err(format!("have a quote that is not closed: {text}"));
    }
    words.extend(word);
    Ok(words)
}
