//! The authorizer of `$connect`, in the strict mode: no handshake without a token or a ticket.

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
    let table = function.table();
    lambda::run(&function, EventType::Authorize, async |invoked| lambda::authorize(&table, invoked).await)
        .await
}
