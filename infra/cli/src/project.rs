//! The template that the arguments name, read and checked.

use std::collections::BTreeMap;

use sam::config::ConfigError;
use sam::{App, Settings};

use crate::args::ProjectOptions;

/// Why there is no application.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProjectError {
    /// The template is broken: a line for each fault, `path:line:column: what is wrong`.
    #[error("{0}")]
    Template(#[from] sam::Errors),
    /// The samconfig.toml is.
    #[error("{0}")]
    Config(#[from] ConfigError),
}

/// The environments that are tried when none is asked for: ours, then SAM's own default.
const ENVIRONMENTS: [&str; 2] = ["local", "default"];

/// Reads the template with the parameters of the samconfig.toml beside it and of the command line.
pub(crate) fn load(options: &ProjectOptions) -> Result<(App, Settings), ProjectError> {
    let ssm = options.ssm.iter().cloned().collect();
    let mut settings = Settings { parameters: overrides(options)?, ssm, ..Settings::default() };
    settings.parameters.extend(options.parameters.iter().cloned());
    let app = sam::load(&options.template, &settings)?;
    Ok((app, settings))
}

fn overrides(options: &ProjectOptions) -> Result<BTreeMap<String, String>, ConfigError> {
    let samconfig = options.template.with_file_name("samconfig.toml");
    if let Some(environment) = &options.config_env {
        return sam::config::parameter_overrides(&samconfig, environment);
    }
    for environment in ENVIRONMENTS {
        match sam::config::parameter_overrides(&samconfig, environment) {
            Err(ConfigError::UnknownEnvironment { .. }) => {}
            known => return known,
        }
    }
    Ok(BTreeMap::new())
}
