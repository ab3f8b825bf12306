//! DynamoDB: the template's tables, in this process, on a port of their own.
//!
//! The engine is dynoxide on SQLite, in memory or in a file; nothing outside this module knows it.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dynoxide::Database;
use sam::app::Table;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, timeout};

/// How often items whose time to live is over are deleted. DynamoDB itself takes up to days.
const SWEEP: Duration = Duration::from_secs(60);

/// How long requests that run may take to end at a shutdown.
const STOPPING: Duration = Duration::from_secs(1);

/// Why the tables cannot be served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// The engine did not start.
    #[error("The local DynamoDB cannot start: {0}.")]
    Engine(String),
    /// A table's declaration is not one that DynamoDB takes.
    #[error("The table {table} cannot be created: {reason}.")]
    Create {
        /// Its logical id.
        table: String,
        /// DynamoDB's message.
        reason: String,
    },
}

/// A running DynamoDB.
#[derive(Debug)]
pub(crate) struct Tables {
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

impl Tables {
    /// Creates the tables, those that a file has already excepted, and serves DynamoDB's API on a
    /// listener.
    pub(crate) async fn start(
        listener: TcpListener,
        tables: Vec<Table>,
        file: Option<PathBuf>,
    ) -> Result<Self, TableError> {
        // SQLite works on the thread that asks.
        let database = tokio::task::spawn_blocking(move || database(&tables, file.as_deref()));
        let database = database.await.map_err(|error| TableError::Engine(error.to_string()))??;
        let (stop, stopped) = oneshot::channel::<()>();
        let stopped = async {
            let _ = stopped.await;
        };
        let server = tokio::spawn(async move {
            let sweeping = sweep(database.clone());
            let serving = dynoxide::server::serve_with_shutdown(listener, database, stopped);
            tokio::select! {
                never = sweeping => match never {},
                served = serving => if let Err(error) = served {
                    tracing::error!(error, "the local DynamoDB stopped serving");
                },
            }
        });
        Ok(Self { stop, server })
    }

    /// Stops serving; what is in no file is forgotten.
    pub(crate) async fn shutdown(mut self) {
        let _ = self.stop.send(());
        if timeout(STOPPING, &mut self.server).await.is_err() {
            self.server.abort();
        }
    }
}

/// A database with these tables, in a file or in memory.
fn database(tables: &[Table], file: Option<&Path>) -> Result<Database, TableError> {
    let engine = |error: dynoxide::DynoxideError| TableError::Engine(error.to_string());
    let database = match file {
        Some(file) => {
            let path = file
                .to_str()
                .ok_or_else(|| TableError::Engine(format!("the path {} is not text", file.display())))?;
            Database::new(path)
        }
        None => Database::memory(),
    };
    let database = database.map_err(engine)?;
    for table in tables {
        if database.get_table_metadata(&table.name).map_err(engine)?.is_some() {
            continue;
        }
        create(&database, table)
            .map_err(|reason| TableError::Create { table: table.logical_id.clone(), reason })?;
    }
    Ok(database)
}

/// Creates one table as its declaration says.
fn create(database: &Database, table: &Table) -> Result<(), String> {
    let words = |error: &dyn std::fmt::Display| error.to_string().trim_end_matches('.').to_owned();
    let request = serde_json::from_value(table.create.clone())
        // The engine marks what DynamoDB would call a ValidationException.
        .map_err(|error| words(&error).trim_start_matches("VALIDATION:").to_owned())?;
    database.create_table(request).map_err(|error| words(&error))?;
    if let Some(attribute) = &table.ttl_attribute {
        let request: Value = json!({
            "TableName": table.name,
            "TimeToLiveSpecification": { "AttributeName": attribute, "Enabled": true },
        });
        let request = serde_json::from_value(request).map_err(|error| words(&error))?;
        database.update_time_to_live(request).map_err(|error| words(&error))?;
    }
    Ok(())
}

/// Deletes expired items, again and again.
async fn sweep(database: Database) -> Infallible {
    let mut ticks = interval(SWEEP);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let database = database.clone();
        let swept = tokio::task::spawn_blocking(move || database.sweep_ttl()).await;
        if let Ok(Err(error)) = swept {
            tracing::warn!(%error, "expired items could not be deleted");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::raw_http::{Reply, http};

    fn table() -> Table {
        Table {
            logical_id: "Connections".to_owned(),
            name: "connections".to_owned(),
            create: json!({
                "TableName": "connections",
                "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
                "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
                "BillingMode": "PAY_PER_REQUEST",
            }),
            ttl_attribute: Some("expires".to_owned()),
        }
    }

    async fn call(address: SocketAddr, operation: &str, body: &Value) -> Reply {
        let target = format!("DynamoDB_20120810.{operation}");
        let headers = [
            ("X-Amz-Target", target.as_str()),
            ("Content-Type", "application/x-amz-json-1.0"),
            (
                "Authorization",
                "AWS4-HMAC-SHA256 Credential=x/20260925/us-east-1/dynamodb/aws4_request, SignedHeaders=host, Signature=0",
            ),
            ("X-Amz-Date", "20260925T092012Z"),
        ];
        http(address, "POST", "/", &headers, body.to_string().as_bytes()).await
    }

    #[tokio::test]
    async fn serves_the_declared_tables_until_it_is_stopped() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let tables = Tables::start(listener, vec![table()], None).await.unwrap();
        let item = json!({ "id": { "S": "a" }, "n": { "N": "1" } });
        let put = json!({ "TableName": "connections", "Item": item });
        assert_eq!(call(address, "PutItem", &put).await.status, 200);
        let get = json!({ "TableName": "connections", "Key": { "id": { "S": "a" } } });
        let got: Value = serde_json::from_str(&call(address, "GetItem", &get).await.body).unwrap();
        assert_eq!(got["Item"], item);
        let name = json!({ "TableName": "connections" });
        let described = call(address, "DescribeTimeToLive", &name).await.body;
        assert!(described.contains(r#""AttributeName":"expires""#), "{described}");
        tables.shutdown().await;
        assert!(tokio::net::TcpStream::connect(address).await.is_err());
    }

    #[tokio::test]
    async fn a_table_that_dynamodb_would_refuse_is_named() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut table = table();
        table.create["KeySchema"] = json!([]);
        let error = Tables::start(listener, vec![table], None).await.unwrap_err().to_string();
        assert!(error.starts_with("The table Connections cannot be created: "), "{error}");
    }

    #[test]
    fn tables_in_a_file_are_there_again() {
        let folder = std::env::temp_dir().join(format!("switchboard-tables-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("tables.sqlite");
        let put = json!({ "TableName": "connections", "Item": { "id": { "S": "a" } } });
        let key = json!({ "TableName": "connections", "Key": { "id": { "S": "a" } } });
        let first = database(&[table()], Some(&file)).unwrap();
        first.put_item(serde_json::from_value(put).unwrap()).unwrap();
        drop(first);
        let again = database(&[table()], Some(&file)).unwrap();
        assert!(again.get_item(serde_json::from_value(key).unwrap()).unwrap().item.is_some());
        drop(again);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn expired_items_are_deleted() {
        let database = database(&[table()], None).unwrap();
        let item = json!({ "id": { "S": "a" }, "expires": { "N": "1" } });
        let put = json!({ "TableName": "connections", "Item": item });
        database.put_item(serde_json::from_value(put).unwrap()).unwrap();
        assert_eq!(database.sweep_ttl().unwrap(), 1);
    }
}
