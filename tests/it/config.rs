//! A function whose configuration is wrong ends before its first event, with one line that says why.

use std::process::{Command, Output};

use harness::{Options, programs};
use local::programs::{Program, Programs};
use serde_json::Value;

/// What every function needs. Without a region, which Lambda always tells, the SDK would ask the network for one.
const GOOD: [(&str, &str); 4] = [
    ("AWS_REGION", "us-east-1"),
    ("AWS_LAMBDA_FUNCTION_NAME", "switchboard-DefaultFunction"),
    ("TABLE_NAME", "switchboard-Table"),
    ("AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI", "https://api.example/prod"),
];

/// Starts a function with a variable that is wrong; gives what it says of it.
fn refusal(programs: &Programs, function: &str, variable: &str, value: &str) -> String {
    let Program::Executable(program) = &programs[function] else { panic!("{function} does not run") };
    let variables = GOOD.into_iter().filter(|(name, _)| *name != variable).chain([(variable, value)]);
    let command = &mut Command::new(program);
    let Output { status, stdout, stderr } = command.env_clear().envs(variables).output().unwrap();
    assert_eq!(status.code(), Some(1), "{variable}={value}");
    let text = String::from_utf8([stdout, stderr].concat()).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [line] = lines.as_slice() else { panic!("one line, not:\n{text}") };
    assert_eq!((&line["level"], &line["message"]), (&"ERROR".into(), &"the function ends".into()));
    let error = line["error"].as_str().unwrap();
    let Some(fault) = error.strip_prefix(&format!("the environment variable {variable} ")) else {
        panic!("{variable} is not named: {error}")
    };
    fault.to_owned()
}

#[tokio::test]
async fn a_function_that_is_told_nonsense_names_the_variable() {
    let parameters = vec![("StrictConnect", "true".to_owned())];
    let (app, _) = Options { parameters, ..Options::default() }.load();
    let programs = programs(&app).await;
    let whole = |text: &str| format!("must be a whole number, not {text:?}");
    let switch = |text: &str| format!("must be true or false, not {text:?}");
    for (variable, value, expected) in [
        ("TABLE_NAME", "", "is not set".to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME", "", "is not set".to_owned()),
        ("ALLOW_ANONYMOUS", "yes", switch("yes")),
        ("DETAILED_METRICS", "1", switch("1")),
        ("MAX_CONNECTIONS_PER_USER", "-1", whole("-1")),
        ("MAX_COMMANDS_PER_SECOND", "ten", whole("ten")),
        (
            "METRICS_NAMESPACE",
            "a b",
            "must be at most 255 letters, digits and . _ / # : -, not \"a b\"".to_owned(),
        ),
        ("TOKEN_PUBLIC_KEY", "none", "is not a PEM public key of RSA, ECDSA or Ed25519".to_owned()),
        (
            "TOKEN_JWKS_URL",
            "id.example",
            "must be a URL such as https://id.example/jwks.json, not \"id.example\"".to_owned(),
        ),
        (
            "NAMESPACES",
            "{\n\"room\": {\"presense\": true}}",
            "is not valid: unknown field `presense`, expected one of".to_owned(),
        ),
        (
            "ALLOWED_ORIGINS",
            "app.example",
            "must list origins such as https://app.example, not \"app.example\"".to_owned(),
        ),
        (
            "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI",
            "api.example/prod",
            "must be a URL such as https://…, not \"api.example/prod\"".to_owned(),
        ),
    ] {
        for function in ["AuthorizerFunction", "ConnectFunction", "DefaultFunction", "DisconnectFunction"] {
            let seen = refusal(&programs, function, variable, value);
            assert!(seen.starts_with(&expected), "{function}: {seen}");
        }
    }
    let place = refusal(&programs, "DefaultFunction", "NAMESPACES", "{\n\"room\": {\"presense\": true}}");
    assert!(place.ends_with("at line 2 column 19"), "{place}");
    for function in ["DefaultFunction", "DisconnectFunction"] {
        let seen = refusal(&programs, function, "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI", "");
        assert_eq!(seen, "is not set", "{function} posts");
    }
}
