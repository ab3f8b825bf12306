//! Who may connect: the authorization of `$connect`, and API keys.

use super::Target;

/// `AuthorizationType` of a route. Only `$connect` has another one than `NONE`: the other routes
/// inherit its verdict.
#[derive(Debug, Clone, PartialEq)]
pub enum Authorization {
    /// `NONE`, or no type: everybody may connect.
    Open,
    /// `AWS_IAM`: the handshake is signed with AWS credentials.
    Iam,
    /// `CUSTOM`: a function decides.
    Custom(Authorizer),
}

/// A REQUEST authorizer.
#[derive(Debug, Clone, PartialEq)]
pub struct Authorizer {
    /// `Name`.
    pub name: String,
    /// The function of `AuthorizerUri`.
    pub target: Target,
    /// `IdentitySource`: what a handshake must have before the function is asked.
    pub identity_sources: Vec<IdentitySource>,
}

/// One of an authorizer's identity sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentitySource {
    /// `route.request.header.X`: a header by its name.
    Header(String),
    /// `route.request.querystring.X`: a parameter of the query string.
    QueryString(String),
    /// `context.X`: a variable of the request's context, without `context.`.
    Context(String),
    /// `stageVariables.X`: a variable of the stage.
    StageVariable(String),
}

/// `ApiKeySelectionExpression`: where a client's API key is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApiKeySource {
    /// `$request.header.x-api-key`, the default.
    Header,
    /// `$context.authorizer.usageIdentifierKey`: the authorizer's answer has it.
    Authorizer,
}

/// An API key that a stage takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// What `!Ref` gives.
    pub id: String,
    /// `Value`: what the client sends. Made up, and the same at every start, when it is not given.
    pub value: String,
}
