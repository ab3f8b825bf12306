//! Who may connect: what is checked before `$connect`'s integration runs, in this order: the
//! signature of an AWS_IAM route, or the authorizer of a CUSTOM one, and then the API key.

use std::borrow::Cow;

use sam::app::{ApiKey, Authorization, Route};

use super::authorizer::{Asking, Principal};
use super::connection::{Connection, Request};
use super::error::GatewayError;
use super::execution_log::Execution;
use super::handshake::Handshake;
use super::invocation::Invocation;
use super::sigv4::Caller;
use super::{Shared, api_key};
use crate::iam::policy::Decision;

/// What came of the checks.
#[derive(Debug)]
pub(crate) struct Admission {
    /// How each went, for the access log.
    pub(crate) checks: Checks,
    /// Who the client is, or what it is told.
    pub(crate) verdict: Result<Admitted, GatewayError>,
}

/// What is known of a client that may connect.
#[derive(Debug, Default)]
pub(crate) struct Admitted {
    /// Who signed the handshake.
    pub(crate) caller: Option<Caller>,
    /// What the authorizer said.
    pub(crate) principal: Option<Principal>,
    /// The client's API key.
    pub(crate) api_key: Option<ApiKey>,
}

/// The checks that were made.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    /// The signature: `$context.authenticate.*`.
    pub(crate) authenticate: Option<Check>,
    /// The authorizer's function: `$context.authorizer.*`.
    pub(crate) authorizer: Option<Check>,
    /// The policy: `$context.authorize.*`.
    pub(crate) authorize: Option<Check>,
    /// Lambda's id of the authorizer's request.
    authorizer_request_id: Option<String>,
    /// What Lambda answered to that request.
    authorizer_integration_status: Option<u16>,
}

/// One check.
#[derive(Debug)]
pub(crate) struct Check {
    /// In milliseconds.
    latency: u128,
    error: Option<GatewayError>,
}

impl Check {
    pub(crate) fn passed(latency: u128) -> Self {
        Self { latency, error: None }
    }

    pub(crate) fn failed(latency: u128, error: GatewayError) -> Self {
        Self { latency, error: Some(error) }
    }

    fn variable(&self, name: &str) -> Option<Cow<'static, str>> {
        Some(match name {
            "latency" => self.latency.to_string().into(),
            "status" => self.error.map_or(200, GatewayError::status).to_string().into(),
            "error" => self.error?.message().into(),
            _ => return None,
        })
    }
}

impl Checks {
    /// A variable of the access log, without `$context.`.
    pub(crate) fn variable(&self, name: &str) -> Option<Cow<'static, str>> {
        let (step, name) = name.split_once('.')?;
        match step {
            "authenticate" => self.authenticate.as_ref()?.variable(name),
            "authorize" => self.authorize.as_ref()?.variable(name),
            // The function is all that an authorizer is.
            "authorizer" => match name {
                "integrationLatency" => self.authorizer.as_ref()?.variable("latency"),
                "integrationStatus" => Some(self.authorizer_integration_status?.to_string().into()),
                "requestId" => Some(self.authorizer_request_id.clone()?.into()),
                name => self.authorizer.as_ref()?.variable(name),
            },
            _ => None,
        }
    }
}

/// Checks a handshake.
pub(crate) async fn admit(
    shared: &Shared,
    connection: &Connection,
    request: &Request,
    handshake: &Handshake,
    route: &Route,
    execution: &Execution<'_>,
) -> Admission {
    let mut checks = Checks::default();
    let verdict = check(shared, connection, (request, handshake), route, execution, &mut checks).await;
    Admission { checks, verdict }
}

async fn check(
    shared: &Shared,
    connection: &Connection,
    (request, handshake): (&Request, &Handshake),
    route: &Route,
    execution: &Execution<'_>,
    checks: &mut Checks,
) -> Result<Admitted, GatewayError> {
    let mut admitted = Admitted::default();
    match &route.authorization {
        Authorization::Open => {}
        Authorization::Iam => {
            admitted.caller = signed(shared, connection, request, handshake, route, checks)?
        }
        Authorization::Custom(authorizer) => {
            let invocation = Invocation::new(&*shared.invoke, &shared.functions, None);
            let method_arn = format!(
                "{}:{}/{}/{}",
                shared.execute_api_arn, connection.api.id, connection.stage.name, route.key
            );
            let invoke = &invocation;
            let asking = Asking { invoke, authorizer, connection, request, handshake, execution, method_arn };
            let verdict = asking.verdict(checks).await;
            checks.authorizer_request_id = invocation.request_id().map(str::to_owned);
            checks.authorizer_integration_status = invocation.status();
            admitted.principal = Some(verdict?);
        }
    }
    admitted.api_key = api_key::of_client(connection, handshake, admitted.principal.as_ref());
    if route.api_key_required && admitted.api_key.is_none() {
        return Err(GatewayError::InvalidApiKey);
    }
    Ok(admitted)
}

/// Who signed the handshake; nobody, when signatures are not checked. Every caller is allowed
/// everything, but for functions that are held to what they may do.
fn signed(
    shared: &Shared,
    connection: &Connection,
    request: &Request,
    handshake: &Handshake,
    route: &Route,
    checks: &mut Checks,
) -> Result<Option<Caller>, GatewayError> {
    let Some(verifier) = &shared.verifier else { return Ok(None) };
    let verified = verifier.verify(&handshake.signable(), request.time).map_err(GatewayError::Signature);
    checks.authenticate = Some(match &verified {
        Ok(_) => Check::passed(0),
        Err(error) => Check::failed(0, *error),
    });
    let caller = verified?;
    let refused = shared.function(&caller).and_then(|function| {
        let (api, stage) = (&connection.api.id, &connection.stage.name);
        let resource = format!("{}:{api}/{stage}/{}", shared.execute_api_arn, route.key);
        match function.decide("execute-api:Invoke", &resource) {
            Decision::Allowed => None,
            Decision::Denied => Some(GatewayError::Denied),
            Decision::NotAllowed => Some(GatewayError::NotAllowed),
        }
    });
    if let Some(error) = refused {
        checks.authorize = Some(Check::failed(0, error));
        return Err(error);
    }
    checks.authorize = Some(Check::passed(0));
    Ok(Some(caller))
}
