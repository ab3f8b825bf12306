//! `$connect`: admits a client and remembers its connection.

use shared::lambda::{self, Error, Function};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = Function::start().await?;
    let table = function.table();
    lambda::run(&function, lambda::EventType::Connect, async |invoked| lambda::connect(&table, invoked).await)
        .await
}
