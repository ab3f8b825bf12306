//! The schema of the namespaces' document says what the functions' own reader says.

use harness::root;
use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use shared::channel::Namespaces;

fn schema() -> Validator {
    let text = std::fs::read_to_string(root().join("infra/namespaces.schema.json")).unwrap();
    jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap()
}

/// Both must say the same of a document.
#[track_caller]
fn check(schema: &Validator, document: &Value) -> bool {
    let fits = schema.is_valid(document);
    let read = Namespaces::from_json(&document.to_string());
    let faults: Vec<_> = schema.iter_errors(document).map(|error| error.to_string()).collect();
    assert_eq!(fits, read.is_ok(), "{document}\nschema: {faults:?}\nreader: {read:?}");
    fits
}

#[test]
fn the_schema_has_every_option_of_the_reader_and_no_other() {
    let text = std::fs::read_to_string(root().join("infra/namespaces.schema.json")).unwrap();
    let schema: Value = serde_json::from_str(&text).unwrap();
    let options = schema["$defs"]["namespace"]["properties"].as_object().unwrap().keys();
    let listed: std::collections::BTreeSet<_> = options.map(|name| format!("`{name}`")).collect();
    // The reader lists its options when it meets another.
    let error = Namespaces::from_json(r#"{"room":{"?":1}}"#).unwrap_err().to_string();
    let (_, known) = error.split_once("expected one of ").unwrap();
    let (known, _) = known.split_once(" at line").unwrap();
    assert_eq!(listed, known.split(", ").map(str::to_owned).collect());
}

#[test]
fn documents_that_are_none_are_none_for_both() {
    let schema = schema();
    for document in [
        json!([]),
        json!("room"),
        json!({"room": true}),
        json!({"room": {"presence": "true"}}),
        json!({"room": {"allow_subscribe": true}}),
        json!({"room": {"history_size": -1}}),
        json!({"room": {"history_size": "5", "history_ttl": "1h"}}),
        json!({"room": {"history_size": 5, "history_ttl": 60}}),
        json!({"room": {"history_size": 4_294_967_296_u64, "history_ttl": "1h"}}),
    ] {
        assert!(!check(&schema, &document), "{document}");
    }
    assert!(check(&schema, &json!({})));
    assert!(check(
        &schema,
        &json!({"": {}, "room": {"history_size": 4_294_967_295_u64, "history_ttl": "1h"}})
    ));
}

/// Options of a namespace: those that hang together often, the others now and then.
fn options() -> impl Strategy<Value = Value> {
    const SWITCHES: [&str; 8] = [
        "ordered",
        "force_recovery",
        "allow_history_for_subscriber",
        "join_leave",
        "force_push_join_leave",
        "presence",
        "personal_channel",
        "allow_publish_for_client",
    ];
    const TTLS: [&str; 14] = [
        "",
        "0s",
        "0h0m0s",
        "1s",
        "300s",
        "1h30m",
        "1m1h",
        "1d",
        "h",
        "1",
        "-1s",
        "9999999s",
        "10000000s",
        "999999h9999999m9999999s",
    ];
    let switches = proptest::collection::vec(proptest::option::weighted(0.3, any::<bool>()), SWITCHES.len());
    let size = proptest::option::of(0..3_u32);
    let ttl = proptest::option::of(proptest::sample::select(TTLS.to_vec()));
    (switches, size, ttl).prop_map(|(switches, size, ttl)| {
        let mut options = Map::new();
        for (name, value) in SWITCHES.into_iter().zip(switches) {
            options.extend(value.map(|value| (name.to_owned(), value.into())));
        }
        options.extend(size.map(|size: u32| ("history_size".to_owned(), size.into())));
        options.extend(ttl.map(|ttl| ("history_ttl".to_owned(), ttl.into())));
        Value::Object(options)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn options_that_do_not_go_together_are_refused_by_both(one in options(), other in options()) {
        check(&schema(), &json!({"one": one, "other": other}));
    }
}
