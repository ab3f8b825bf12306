//! `$default`: one frame of Centrifuge commands in, one frame of replies out.

use shared::lambda::{self, Error, Function};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let function = Function::start().await?;
    let (table, callbacks) = (function.table(), function.callbacks());
    lambda::run(&function, lambda::EventType::Message, async |invoked| {
        lambda::frame(&table, &callbacks, invoked).await
    })
    .await
}
