//! Callbacks through API Gateway's management API (`@connections`).

use std::time::Duration;

use aws_sdk_apigatewaymanagement::Client;
use aws_sdk_apigatewaymanagement::error::{DisplayErrorContext, SdkError};
use aws_sdk_apigatewaymanagement::operation::delete_connection::DeleteConnectionError;
use aws_sdk_apigatewaymanagement::operation::post_to_connection::PostToConnectionError;
use aws_sdk_apigatewaymanagement::primitives::Blob;
use bytes::Bytes;

use crate::ids::ConnectionId;
use crate::ports::{DeleteConnection, Post, PostToConnection};

/// The management API of one stage. Clones share the client and its connections.
#[derive(Debug, Clone)]
pub struct Callbacks(Client);

impl Callbacks {
    /// With a client whose endpoint is the stage's: `https://{api}.execute-api.{region}.amazonaws.com/{stage}`.
    #[must_use]
    pub const fn new(client: Client) -> Self {
        Self(client)
    }
}

impl PostToConnection for Callbacks {
    async fn post(&self, id: &ConnectionId, frame: Bytes, within: Duration) -> Post {
        let post = self.0.post_to_connection().connection_id(id.as_str()).data(Blob::new(frame));
        // A stuck peer can block a post for minutes, so the SDK's own time limits are not trusted alone.
        match tokio::time::timeout(within, post.send()).await {
            Ok(Ok(_)) => Post::Posted,
            Ok(Err(error)) => post_error(&error),
            Err(_) => Post::Failed(format!("no answer within {} ms", within.as_millis())),
        }
    }
}

impl DeleteConnection for Callbacks {
    async fn delete(&self, id: &ConnectionId) -> Post {
        match self.0.delete_connection().connection_id(id.as_str()).send().await {
            Ok(_) => Post::Posted,
            Err(error) => match error.as_service_error() {
                Some(DeleteConnectionError::GoneException(_)) => Post::Gone,
                Some(DeleteConnectionError::LimitExceededException(_)) => Post::Throttled,
                _ => Post::Failed(DisplayErrorContext(error).to_string()),
            },
        }
    }
}

fn post_error<R: std::fmt::Debug>(error: &SdkError<PostToConnectionError, R>) -> Post {
    match error.as_service_error() {
        Some(PostToConnectionError::GoneException(_)) => Post::Gone,
        Some(PostToConnectionError::LimitExceededException(_)) => Post::Throttled,
        _ => Post::Failed(DisplayErrorContext(error).to_string()),
    }
}
