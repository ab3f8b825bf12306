//! What goes back to the client that has sent a frame.

use tokio::time::Instant;

use crate::ids::ConnectionId;
use crate::ports::{Post, PostToConnection};
use crate::protocol::DisconnectCode;

use super::Failure;
use super::deliver::post_within;
use super::publish::MAX_FRAME;

/// A push of nothing, which client libraries pass over. It is sent where there is nothing to reply:
/// whether API Gateway sends an empty frame for an answer without a body is not documented, and
/// client libraries cannot read one. The protocol's ping, `{}`, would do for most; tokio-centrifuge
/// answers it though it was told not to, and that answer would be answered again.
pub const NOTHING: &str = r#"{"push":{}}"#;

/// Replies and pushes in their order. They leave in the frame's own answer; what is more than one
/// frame holds, or has to arrive before something else is done, is posted.
#[derive(Debug)]
pub struct Outbox<'a, C> {
    callbacks: &'a C,
    to: &'a ConnectionId,
    deadline: Instant,
    frame: String,
}

impl<'a, C: PostToConnection> Outbox<'a, C> {
    /// With nothing in it; posts end by `deadline`.
    #[must_use]
    pub const fn new(callbacks: &'a C, to: &'a ConnectionId, deadline: Instant) -> Self {
        Self { callbacks, to, deadline, frame: String::new() }
    }

    /// Adds a reply or a push.
    ///
    /// # Errors
    /// As [`Self::post`], when a frame was full.
    pub async fn line(&mut self, line: &str) -> Result<(), Failure> {
        if !self.frame.is_empty() && self.frame.len() + 1 + line.len() > MAX_FRAME {
            self.post().await?;
        }
        if !self.frame.is_empty() {
            self.frame.push('\n');
        }
        self.frame.push_str(line);
        Ok(())
    }

    /// Posts what is in it; when this returns, the gateway has it.
    ///
    /// # Errors
    /// [`Failure::Connection`]: the client cannot know what was done, and has to connect again.
    pub async fn post(&mut self) -> Result<(), Failure> {
        if self.frame.is_empty() {
            return Ok(());
        }
        let within = post_within(self.deadline);
        let frame = std::mem::take(&mut self.frame);
        let cause = match self.callbacks.post(self.to, frame.into(), within).await {
            Post::Posted => return Ok(()),
            Post::Gone => "the client is gone".to_owned(),
            Post::Throttled => "the replies were throttled".to_owned(),
            Post::Failed(cause) => format!("the replies could not be posted: {cause}"),
        };
        Err(Failure::Connection(DisconnectCode::INSUFFICIENT_STATE, cause))
    }

    /// The frame's own answer.
    #[must_use]
    pub fn answer(self) -> String {
        if self.frame.is_empty() { NOTHING.to_owned() } else { self.frame }
    }
}
