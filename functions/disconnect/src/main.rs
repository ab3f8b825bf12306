//! `$disconnect`: forgets a connection that ended.

use std::process::ExitCode;

use shared::lambda::{self, Error, EventType, Function};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    lambda::exit(serve().await)
}

async fn serve() -> Result<(), Error> {
    let function = Function::start().await?;
    let table = function.table();
    lambda::run(&function, EventType::Disconnect, async |invoked| lambda::disconnect(&table, invoked).await)
        .await
}
