//! The server API: what an application's own servers ask for, over HTTP.

use std::process::ExitCode;

use shared::lambda::{self, Error, Function};

#[global_allocator]
static ALLOCATOR: lambda::Allocator = lambda::Allocator;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    lambda::exit(serve().await)
}

async fn serve() -> Result<(), Error> {
    let function = Function::start().await?;
    let (table, callbacks) = (function.table(), function.callbacks()?);
    lambda::run_http(&function, async |invoked| lambda::serve_api(&table, &callbacks, invoked).await).await
}
