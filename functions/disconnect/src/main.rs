//! `$disconnect`: forgets a connection that ended, and tells who wants to know.

use std::process::ExitCode;

use shared::lambda::{self, Error, EventType, Function};

#[global_allocator]
static ALLOCATOR: lambda::Allocator = lambda::Allocator;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    lambda::exit(serve().await)
}

async fn serve() -> Result<(), Error> {
    let function = Function::start().await?;
    let (table, callbacks) = (function.table(), function.callbacks()?);
    lambda::run(&function, EventType::Disconnect, async |invoked| {
        lambda::disconnect(&table, &callbacks, invoked).await
    })
    .await
}
