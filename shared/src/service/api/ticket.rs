//! `ticket`: what lets a client in by its handshake, where a token must not stand in a URL.

use crate::auth::MAX_INFO;
use crate::auth::ticket::Pass;
use crate::protocol::ErrorCode;
use crate::protocol::server::{Answer, Ticket};
use crate::service::Failure;
use crate::service::frame::FrameCallbacks;
use crate::service::ticket::issue;

use super::{Api, ApiStore};

impl<S: ApiStore, C: FrameCallbacks> Api<'_, S, C> {
    /// Issues one.
    pub(super) async fn ticket(&self, call: &Ticket) -> Result<Answer, Failure> {
        if call.user.is_empty() {
            return Err(Failure::command(ErrorCode::BadRequest, "a ticket is for a user"));
        }
        let info = call.info.as_ref().map(|info| info.get().to_owned());
        if info.as_ref().is_some_and(|info| info.len() > MAX_INFO) {
            let cause = format!("info has more than {MAX_INFO} bytes");
            return Err(Failure::command(ErrorCode::LimitExceeded, cause));
        }
        let expires_at = Some(call.expire_at).filter(|at| *at > 0);
        let pass = Pass { user: call.user.as_str().into(), info, expires_at };
        let ticket = issue(self.store, &pass, self.clock.now_s()).await?;
        Ok(Answer::Ticket { ticket: ticket.as_str().to_owned() })
    }
}
