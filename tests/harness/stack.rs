//! A local AWS that runs a template on free ports.

use std::collections::HashMap;
use std::path::PathBuf;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::config::SharedCredentialsProvider;
use aws_sdk_dynamodb::types::AttributeValue;
use local::programs::{self, Profile, Programs};
use local::{Config, Credentials, Endpoint, Fault, Quotas, Running};
use sam::{App, Settings};
use tokio::net::TcpListener;

use crate::{Logs, Socket, root};

/// What to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The template, absolute.
    pub template: PathBuf,
    /// The environment of its samconfig.toml.
    pub environment: &'static str,
    /// Parameters that win over it.
    pub parameters: Vec<(&'static str, String)>,
    /// How many times faster the clocks of connections run.
    pub time_scale: f64,
    /// The rate limits of the account.
    pub quotas: Quotas,
    /// What goes wrong on purpose.
    pub faults: Vec<Fault>,
    /// Whether functions may do only what their roles allow, which is so in every test unless it says otherwise.
    pub enforce_iam: bool,
    /// A folder that keeps tables and logs.
    pub data: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            template: root().join("infra/template.yaml"),
            environment: "local",
            parameters: Vec::new(),
            time_scale: 1.0,
            quotas: Quotas::default(),
            faults: Vec::new(),
            enforce_iam: true,
            data: None,
        }
    }
}

impl Options {
    /// A template of the tests' own, by its name under `tests/fixtures`.
    #[must_use]
    pub fn fixture(name: &str) -> Self {
        Self { template: root().join("tests/fixtures").join(name), ..Self::default() }
    }

    /// The template, read and checked.
    ///
    /// # Panics
    /// When it is broken.
    #[must_use]
    pub fn load(&self) -> (App, Settings) {
        let samconfig = self.template.with_file_name("samconfig.toml");
        let parameters = if samconfig.exists() {
            sam::config::parameter_overrides(&samconfig, self.environment).unwrap()
        } else {
            std::collections::BTreeMap::new()
        };
        let mut settings = Settings { parameters, ..Settings::default() };
        settings
            .parameters
            .extend(self.parameters.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
        let app = sam::load(&self.template, &settings).unwrap_or_else(|errors| panic!("{errors}"));
        (app, settings)
    }
}

/// A running local AWS.
#[derive(Debug)]
pub struct Stack {
    running: Running,
    table: Option<String>,
    sdk: SdkConfig,
}

impl Stack {
    /// Starts the repository's own template as `cargo run` does.
    pub async fn start() -> Self {
        Self::with(Options::default()).await
    }

    /// Starts what the options say.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn with(options: Options) -> Self {
        let (app, settings) = options.load();
        let programs = programs(&app).await;
        let table = app.tables.first().map(|table| table.name.clone());
        let http = match app.http_apis.is_empty() {
            true => None,
            false => Some(TcpListener::bind("127.0.0.1:0").await.unwrap()),
        };
        let config = Config {
            websocket: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            http,
            aws: TcpListener::bind("127.0.0.1:0").await.unwrap(),
            settings,
            time_scale: options.time_scale,
            quotas: options.quotas,
            faults: options.faults,
            credentials: Credentials::default(),
            verify_signatures: true,
            enforce_iam: options.enforce_iam,
            data: options.data,
        };
        let running = local::start(app, programs, config).await.unwrap_or_else(|error| panic!("{error}"));
        let sdk = sdk(running.aws()).await;
        Self { running, table, sdk }
    }

    /// The first stage's addresses.
    ///
    /// # Panics
    /// When the template has no WebSocket API.
    #[must_use]
    pub fn endpoint(&self) -> &Endpoint {
        self.running.endpoints().first().unwrap()
    }

    /// The address of the HTTP APIs.
    ///
    /// # Panics
    /// When the template has none.
    #[must_use]
    pub fn http(&self) -> &str {
        self.running.http().unwrap()
    }

    /// A socket that is open.
    pub async fn connect(&self) -> Socket {
        Socket::open(&self.endpoint().websocket).await
    }

    /// The logs.
    #[must_use]
    pub fn logs(&self) -> Logs<'_> {
        Logs::new(self.running.logs())
    }

    /// The AWS SDK's configuration for this stack.
    #[must_use]
    pub const fn sdk(&self) -> &SdkConfig {
        &self.sdk
    }

    /// The AWS SDK's configuration with which a function calls, by its logical id, when functions are
    /// held to their roles.
    #[must_use]
    pub fn sdk_of(&self, function: &str) -> SdkConfig {
        let credentials = Self::credentials_of(function);
        self.sdk
            .to_builder()
            .credentials_provider(SharedCredentialsProvider::new(sdk_credentials(credentials)))
            .build()
    }

    /// What such a function signs with.
    #[must_use]
    pub fn credentials_of(function: &str) -> Credentials {
        Credentials { access_key_id: format!("local.{function}"), ..Credentials::default() }
    }

    /// The name of the template's table.
    ///
    /// # Panics
    /// When the template has none.
    #[must_use]
    pub fn table(&self) -> &str {
        self.table.as_deref().unwrap()
    }

    /// The management API of the first stage, called as the functions call it.
    #[must_use]
    pub fn management(&self) -> aws_sdk_apigatewaymanagement::Client {
        self.management_as(Credentials::default())
    }

    /// The management API of the first stage, signed with other credentials.
    #[must_use]
    pub fn management_as(&self, credentials: Credentials) -> aws_sdk_apigatewaymanagement::Client {
        let config = aws_sdk_apigatewaymanagement::config::Builder::from(&self.sdk);
        aws_sdk_apigatewaymanagement::Client::from_conf(
            config
                .credentials_provider(sdk_credentials(credentials))
                .endpoint_url(&self.endpoint().management)
                .build(),
        )
    }

    /// Every row of the template's table, by `PK SK`.
    ///
    /// # Panics
    /// When DynamoDB does not answer.
    pub async fn rows(&self) -> HashMap<String, HashMap<String, AttributeValue>> {
        let client = aws_sdk_dynamodb::Client::new(&self.sdk);
        let page = client.scan().table_name(self.table()).consistent_read(true).send().await.unwrap();
        let text = |row: &HashMap<String, AttributeValue>, name: &str| row[name].as_s().unwrap().clone();
        page.items
            .unwrap_or_default()
            .into_iter()
            .map(|row| (format!("{} {}", text(&row, "PK"), text(&row, "SK")), row))
            .collect()
    }

    /// The keys of the rows that connections leave beside their own: members and devices.
    pub async fn index_rows(&self) -> Vec<String> {
        let is_index = |key: &String| key.starts_with("M#") || key.starts_with("U#");
        let mut keys: Vec<_> = self.rows().await.into_keys().filter(is_index).collect();
        keys.sort();
        keys
    }

    /// Stops it.
    pub async fn stop(self) {
        self.running.shutdown().await;
    }
}

/// The AWS SDK's configuration for an endpoint of all services.
pub async fn sdk(endpoint: &str) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::v2026_01_12())
        .region(Region::new("us-east-1"))
        .credentials_provider(sdk_credentials(Credentials::default()))
        .endpoint_url(endpoint)
        .load()
        .await
}

/// Credentials as the SDK takes them.
fn sdk_credentials(own: Credentials) -> aws_sdk_dynamodb::config::Credentials {
    let Credentials { access_key_id, secret_access_key, session_token } = own;
    aws_sdk_dynamodb::config::Credentials::new(
        access_key_id,
        secret_access_key,
        Some(session_token),
        None,
        "local",
    )
}

/// The functions' programs: built when they are not, by the same cargo that tests.
///
/// # Panics
/// When they cannot be built.
pub async fn programs(app: &App) -> Programs {
    programs::build(app, Profile::Dev, &|_| {}).await.unwrap_or_else(|error| panic!("{error}"))
}
