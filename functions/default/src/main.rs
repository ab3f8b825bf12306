//! `$default`: one frame of Centrifuge commands in, one frame of replies out.

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
    lambda::run(&function, EventType::Message, async |invoked| {
        lambda::frame(&table, &callbacks, invoked).await
    })
    .await
}
