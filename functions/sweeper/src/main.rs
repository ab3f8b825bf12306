//! Every minute: closes connections whose time is over, counts the others, keeps them alive.

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
    lambda::run_scheduled(&function, async |scheduled| lambda::sweep(&table, &callbacks, scheduled).await)
        .await
}
