//! `$disconnect`: forgets a connection that ended.

use shared::lambda::{self, Error, Function};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = Function::start().await?;
    let table = function.table();
    lambda::run(&function, lambda::EventType::Disconnect, async |invoked| {
        lambda::disconnect(&table, invoked).await
    })
    .await
}
