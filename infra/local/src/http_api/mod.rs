//! API Gateway's HTTP APIs: requests in, functions called with payload format 2.0, answers out.

mod answer;
mod event;
mod route;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use bytes::Bytes;
use http::header::HOST;
use http::request::Parts;
use http::{Request, Response, StatusCode};
use sam::app::{HttpApi, HttpRoute, Target};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::lambda::InvokeError;
use crate::triggers::Ground;

use self::event::Context;
use self::route::RouteKey;

/// Bytes of a request's body: "Quotas for configuring and running an HTTP API".
const MAX_BODY: usize = 10 * 1024 * 1024;

/// How long requests that run may take to end at a shutdown.
const STOPPING: std::time::Duration = std::time::Duration::from_secs(2);

/// The key of the route that takes what no other takes, and the name of the stage without a path.
const DEFAULT: &str = "$default";

/// The APIs, and what their routes call.
#[derive(Debug)]
struct Served {
    apis: Vec<HttpApi>,
    ground: Ground,
}

/// The running APIs.
#[derive(Debug)]
pub(crate) struct HttpApis {
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

/// A request that has come.
#[derive(Debug)]
struct Call<'a> {
    api: &'a HttpApi,
    route: &'a HttpRoute,
    parameters: BTreeMap<String, String>,
}

impl HttpApis {
    /// Serves the APIs on a listener.
    pub(crate) fn start(listener: TcpListener, apis: Vec<HttpApi>, ground: Ground) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let router = Router::new().fallback(front_door).with_state(Arc::new(Served { apis, ground }));
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let server = tokio::spawn(async move {
            let stopped = async {
                let _ = stopped.await;
            };
            if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(stopped).await {
                tracing::error!(%error, "the HTTP APIs stopped being served");
            }
        });
        Self { stop, server }
    }

    /// Stops serving; requests that run may end for a bounded time.
    pub(crate) async fn shutdown(mut self) {
        let _ = self.stop.send(());
        if timeout(STOPPING, &mut self.server).await.is_err() {
            self.server.abort();
        }
    }
}

async fn front_door(
    State(served): State<Arc<Served>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request<Body>,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let answer = match axum::body::to_bytes(body, MAX_BODY).await {
        Ok(body) => served.answer(&parts, &body, peer).await,
        Err(_) => answer::message(StatusCode::PAYLOAD_TOO_LARGE, "Request Entity Too Large"),
    };
    answer.map(Body::from)
}

impl Served {
    async fn answer(&self, parts: &Parts, body: &[u8], peer: SocketAddr) -> Response<Bytes> {
        let Some(call) = self.call(parts) else { return answer::message(StatusCode::NOT_FOUND, "Not Found") };
        let context = Context {
            account_id: &self.ground.account_id,
            api_id: &call.api.id,
            stage: &call.api.stage,
            variables: &call.api.variables,
            route_key: &call.route.key,
            parameters: &call.parameters,
            source_ip: peer.ip().to_canonical(),
            now_ms: self.ground.clock.now_ms(),
        };
        let event = event::of(parts, body, &context);
        self.invoke(call.route, Bytes::from(event.to_string())).await
    }

    async fn invoke(&self, route: &HttpRoute, event: Bytes) -> Response<Bytes> {
        let error = || answer::message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
        let Target::Function(function) = &route.integration.target else {
            if let Target::Unsupported(reason) = &route.integration.target {
                tracing::warn!(route = route.key, reason, "a route cannot be run here");
            }
            return error();
        };
        match timeout(route.integration.timeout, self.ground.invoke.invoke(function, event)).await {
            Ok(Ok(answer)) => answer::of(&answer),
            Ok(Err(InvokeError::Throttled)) | Err(_) => {
                answer::message(StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable")
            }
            Ok(Err(_)) => error(),
        }
    }

    /// The API that a request is for, and the route that it takes there.
    fn call(&self, parts: &Parts) -> Option<Call<'_>> {
        let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let named = self.apis.iter().find(|api| host.split('.').next() == Some(&api.id));
        let only = || if let [api] = self.apis.as_slice() { Some(api) } else { None };
        let api = named.or_else(only)?;
        let path = match api.stage.as_str() {
            DEFAULT => parts.uri.path(),
            stage => {
                let rest = parts.uri.path().strip_prefix('/')?.strip_prefix(stage)?;
                if rest.is_empty() { "/" } else { rest.starts_with('/').then_some(rest)? }
            }
        };
        let fits = api.routes.values().filter_map(|route| {
            let (fit, parameters) = RouteKey::parse(&route.key)?.fit(parts.method.as_str(), path)?;
            Some((fit, route, parameters))
        });
        let best = fits.max_by(|(one, ..), (other, ..)| one.cmp(other));
        let taken = best.map(|(_, route, parameters)| (route, parameters));
        let (route, parameters) = taken.or_else(|| Some((api.routes.get(DEFAULT)?, BTreeMap::new())))?;
        Some(Call { api, route, parameters })
    }
}
