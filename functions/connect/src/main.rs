//! `$connect`: admits a client and remembers its connection.

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
    lambda::run(&function, EventType::Connect, async |invoked| lambda::connect(&table, invoked).await).await
}
