//! A function's policy in the template allows what its ports need, and nothing else.
//!
//! A handler names in its signature the ports that it may use (`shared::ports`), a port names in its
//! documentation the actions that it stands for, and the adapter of the table makes those calls. All three
//! are read from the sources; the policies are read from the template.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use harness::{Options, root};
use sam::App;
use sam::app::{Code, Function};
use serde_json::Value;

type Names = BTreeSet<String>;

/// The text of every Rust file under a folder of `shared/src`.
fn sources(folder: &str) -> String {
    fn collect(folder: &Path, text: &mut String) {
        let mut paths: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                collect(&path, text);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                text.push_str(&std::fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut text = String::new();
    collect(&root().join("shared/src").join(folder), &mut text);
    text
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// The ports, each with the permissions that its documentation names: an action, and for
/// `@connections` the method as well.
fn ports() -> BTreeMap<String, Names> {
    let text = std::fs::read_to_string(root().join("shared/src/ports.rs")).unwrap();
    let mut ports = BTreeMap::new();
    let mut documentation = String::new();
    for line in text.lines() {
        if let Some(doc) = line.strip_prefix("///") {
            documentation.push_str(doc);
        } else if let Some(name) = line.strip_prefix("pub trait ").and_then(|rest| words(rest).next()) {
            let quoted: Vec<_> = documentation.split('`').skip(1).step_by(2).collect();
            let mut permissions = Names::new();
            for (at, action) in quoted.iter().enumerate().filter(|(_, quoted)| is_action(quoted)) {
                let on = quoted.get(at + 1).filter(|next| next.ends_with("/@connections"));
                permissions.insert(on.map_or((*action).to_owned(), |on| format!("{action} {on}")));
            }
            ports.insert(name.to_owned(), permissions);
            documentation.clear();
        } else {
            documentation.clear();
        }
    }
    ports.remove("Call").expect("what a port call returns is no port");
    ports
}

/// `dynamodb:GetItem`
fn is_action(text: &str) -> bool {
    let is_word = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || c == '-');
    text.split_once(':').is_some_and(|(service, action)| is_word(service) && is_word(action))
}

/// Traits that stand for several ports: `pub trait DeliveryStore: CloseConnection + …`.
fn bundles() -> BTreeMap<String, Names> {
    let text = sources("service");
    let bundle = |rest: &str| {
        let (name, rest) = rest.split_once(':')?;
        let parts = rest.split('{').next()?;
        Some((name.to_owned(), words(parts).map(str::to_owned).collect()))
    };
    text.split("pub trait ").skip(1).filter_map(bundle).collect()
}

/// The handlers, each with the ports of its signature.
fn handlers(ports: &BTreeMap<String, Names>) -> BTreeMap<String, Names> {
    fn expand(
        word: &str,
        ports: &BTreeMap<String, Names>,
        bundles: &BTreeMap<String, Names>,
        found: &mut Names,
    ) {
        if ports.contains_key(word) {
            found.insert(word.to_owned());
        }
        for part in bundles.get(word).into_iter().flatten() {
            expand(part, ports, bundles, found);
        }
    }
    let (text, bundles) = (sources("lambda"), bundles());
    let handler = |rest: &str| {
        let signature = rest.split('{').next()?;
        let name = words(signature).next()?.to_owned();
        let mut found = Names::new();
        words(signature).for_each(|word| expand(word, ports, &bundles, &mut found));
        (signature.contains("Invoked") || signature.contains("Scheduled")).then_some((name, found))
    };
    let functions = text.split("pub async fn ").skip(1).chain(text.split("pub fn ").skip(1));
    functions.filter_map(handler).collect()
}

/// What a function needs: the permissions of the ports of the handlers that its `main` calls.
fn needed(function: &Function) -> Names {
    let Code::Cargo { package, .. } = &function.code else { panic!("{} is built by cargo", function.name) };
    let main = std::fs::read_to_string(package.join("src/main.rs")).unwrap();
    let ports = ports();
    let handlers = handlers(&ports);
    let called: Vec<_> = main
        .split("lambda::")
        .skip(1)
        .filter(|rest| words(rest).next().is_some_and(|name| rest[name.len()..].starts_with('(')))
        .filter_map(|rest| handlers.get(words(rest).next()?))
        .collect();
    assert!(!called.is_empty(), "{} calls no handler", function.logical_id);
    called.into_iter().flatten().flat_map(|port| ports[port].clone()).collect()
}

fn texts(value: &Value) -> Vec<&str> {
    match value.as_array() {
        Some(items) => items.iter().map(|item| item.as_str().unwrap()).collect(),
        None => vec![value.as_str().unwrap()],
    }
}

/// What a function's role allows beside writing its log, each with its resource.
fn allowed(function: &Function) -> Vec<(String, String)> {
    let mut allowed = Vec::new();
    for policy in &function.role.policies {
        for statement in policy["Statement"].as_array().unwrap() {
            assert_eq!(statement["Effect"], "Allow", "{}", function.logical_id);
            for action in
                texts(&statement["Action"]).into_iter().filter(|action| !action.starts_with("logs:"))
            {
                for resource in texts(&statement["Resource"]) {
                    allowed.push((action.to_owned(), resource.to_owned()));
                }
            }
        }
    }
    allowed
}

/// The template with everything that a parameter can switch on.
fn app() -> App {
    let parameters = vec![("StrictConnect", "true".to_owned())];
    Options { parameters, ..Options::default() }.load().0
}

#[test]
fn a_functions_policy_is_what_its_ports_need() {
    let app = app();
    assert!(app.functions.len() >= 4);
    for function in app.functions.values() {
        let granted: Names = allowed(function)
            .into_iter()
            .map(|(action, resource)| match resource.rsplitn(4, '/').collect::<Vec<_>>()[..] {
                ["*", "@connections", method, _] => format!("{action} {method}/@connections"),
                _ => action,
            })
            .collect();
        assert_eq!(granted, needed(function), "{}", function.logical_id);
        assert_eq!(function.role.unknown, [""; 0], "{}", function.logical_id);
    }
}

#[test]
fn a_policy_names_its_resources_and_no_more_than_it_has_to() {
    let app = app();
    let tables = app.tables.iter().map(|table| format!(":table/{}", table.name));
    let queues = app.queues.iter().map(|queue| format!(":{}", queue.name));
    let whole: Vec<_> = tables.chain(queues).collect();
    let stages = app.apis.iter().flat_map(|api| {
        api.stages.keys().flat_map(|stage| {
            ["POST", "GET", "DELETE"].map(|method| format!(":{}/{stage}/{method}/@connections/*", api.id))
        })
    });
    let whole: Vec<_> = whole.into_iter().chain(stages).collect();
    for function in app.functions.values() {
        for (action, resource) in allowed(function) {
            assert!(!action.contains('*'), "{}: {action}", function.logical_id);
            let is_of_stack = whole.iter().any(|own| resource.ends_with(own.as_str()));
            assert!(
                is_of_stack && !resource.contains(":*"),
                "{}: {action} on {resource}",
                function.logical_id
            );
        }
    }
}

/// What the table's adapter calls for each port.
fn calls() -> BTreeMap<String, Names> {
    const CALLS: [(&str, &str); 8] = [
        (".get_item()", "dynamodb:GetItem"),
        (".put_item()", "dynamodb:PutItem"),
        (".update_item()", "dynamodb:UpdateItem"),
        (".delete_item()", "dynamodb:DeleteItem"),
        (".query()", "dynamodb:Query"),
        (".scan()", "dynamodb:Scan"),
        (".batch_get_item()", "dynamodb:BatchGetItem"),
        (".batch_write_item()", "dynamodb:BatchWriteItem"),
    ];
    let text = sources("adapters/dynamo");
    // Chains of calls are broken into lines.
    let close = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
    let function = |text| Some((words(text).next()?, close(text)));
    let functions: Vec<_> = text.split("fn ").skip(1).filter_map(function).collect();
    let mut of_function: BTreeMap<&str, Names> = BTreeMap::new();
    // A helper may call another one, which is known in the next round.
    for _ in 0..4 {
        for (name, body) in &functions {
            let mut found = calls_in(body, &CALLS);
            let helper = |(other, calls): (&&str, &Names)| {
                body.contains(&format!("self.{other}(")).then(|| calls.clone())
            };
            found.extend(of_function.iter().filter_map(helper).flatten());
            of_function.entry(*name).or_default().extend(found);
        }
    }
    let mut calls = BTreeMap::new();
    for block in text.split("\nimpl ").skip(1) {
        let Some((port, body)) = block.split_once(" for Table {") else { continue };
        let body = body.split("\n}\n").next().unwrap();
        let names = body.split("fn ").skip(1).filter_map(|function| words(function).next());
        calls.insert(port.to_owned(), names.flat_map(|name| of_function[name].clone()).collect());
    }
    calls
}

fn calls_in(body: &str, calls: &[(&str, &str)]) -> Names {
    calls.iter().filter(|(call, _)| body.contains(call)).map(|(_, action)| (*action).to_owned()).collect()
}

#[test]
fn a_ports_documentation_names_the_calls_of_its_adapter() {
    let is_of_table = |permissions: &Names| permissions.iter().any(|one| one.starts_with("dynamodb:"));
    let documented: BTreeMap<_, _> = ports().into_iter().filter(|(_, names)| is_of_table(names)).collect();
    assert!(documented.len() > 15);
    assert_eq!(calls(), documented);
}

#[test]
fn every_port_names_an_action() {
    for (port, permissions) in ports() {
        assert!(!permissions.is_empty(), "{port}");
    }
}
