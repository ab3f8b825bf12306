//! Alarms in a file, and what is there again.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::alarms::{AlarmStore, Turn};
use crate::api::metrics::Api;
use crate::clock::SystemClock;
use crate::metrics::MetricStore;
use crate::sqlite::testing::{Folder, killed, write_until_killed};

/// The store of a folder with its alarms.
fn open(folder: &Path) -> (AlarmStore, Api) {
    let store = AlarmStore::open(folder, "us-east-1", "123456789012").unwrap();
    let api = Api::new(MetricStore::default(), store.clone(), Arc::new(SystemClock));
    (store, api)
}

fn metric(name: &str, threshold: f64) -> Value {
    json!({
        "AlarmName": name, "Namespace": "N", "MetricName": "M", "Statistic": "Sum", "Period": 60,
        "Dimensions": [{ "Name": "A", "Value": "b" }], "AlarmActions": ["arn:aws:sns:us-east-1:1:t"],
        "EvaluationPeriods": 1, "Threshold": threshold, "ComparisonOperator": "GreaterThanThreshold",
    })
}

fn turn(store: &AlarmStore, name: &str, state: State, now: i64) {
    let turn = Turn { state, reason: format!("at {now}"), data: Some("{}".to_owned()) };
    store.set_state(name, turn, now).unwrap();
}

/// All that is told of the alarms.
fn told(store: &AlarmStore) -> Vec<String> {
    let alarms = store.all().into_iter().map(|entry| format!("{entry:?}"));
    alarms.chain(store.history(|_| true).into_iter().map(|item| format!("{item:?}"))).collect()
}

#[test]
fn alarms_come_back_with_their_states_tags_and_history() {
    let folder = Folder::new("alarms-again");
    let (store, api) = open(&folder);
    api.declare_alarm(false, metric("m", 5.5)).unwrap();
    api.declare_alarm(true, json!({ "AlarmName": "c", "AlarmRule": "ALARM(m)" })).unwrap();
    turn(&store, "m", State::Alarm, 1);
    turn(&store, "m", State::Alarm, 2);
    let arn = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:m";
    store.tag(arn, |tags| tags.insert("team".to_owned(), "a".to_owned())).unwrap();
    store.enable_actions(&["m".to_owned()], false, 3);
    api.declare_alarm(false, metric("gone", 1.0)).unwrap();
    store.delete(&["gone".to_owned()], 4);
    store.flush().unwrap();
    let before = told(&store);
    assert_eq!(store.all().iter().map(|entry| entry.state).collect::<Vec<_>>(), [State::Alarm; 2]);
    drop((store, api));
    let (store, api) = open(&folder);
    assert_eq!(told(&store), before);
    // The composite one follows the other as before.
    turn(&store, "m", State::Ok, 5);
    assert_eq!(store.all()[0].state, State::Ok);
    // A template that declares the same again changes nothing.
    let before = told(&store);
    api.declare_alarm(false, metric("m", 5.5)).unwrap();
    assert_eq!(told(&store), before);
    api.declare_alarm(false, metric("m", 6.5)).unwrap();
    assert_eq!(store.history(|_| true).last().unwrap().summary, "Alarm \"m\" updated");
}

#[test]
fn alarms_of_an_earlier_template_go_and_those_that_were_put_stay() {
    let folder = Folder::new("alarms-declared");
    let (store, api) = open(&folder);
    for name in ["stays", "goes"] {
        api.declare_alarm(false, metric(name, 1.0)).unwrap();
    }
    let put = http::Request::post("/").header("x-amz-target", "GraniteServiceVersion20100801.PutMetricAlarm");
    let (parts, body) = put.body(metric("put", 1.0).to_string().into()).unwrap().into_parts();
    assert_eq!(api.call(&parts, &body).status(), 200);
    store.flush().unwrap();
    drop((store, api));
    let (store, api) = open(&folder);
    api.declare_alarm(false, metric("stays", 1.0)).unwrap();
    api.keep_declared_alarms(&BTreeSet::from(["stays"]));
    store.flush().unwrap();
    drop((store, api));
    let (store, _api) = open(&folder);
    let names: Vec<_> = store.all().iter().map(|entry| entry.definition.name.clone()).collect();
    assert_eq!(names, ["put", "stays"]);
}

/// Turns an alarm to and fro until it is killed. A test only as a child.
#[test]
fn writes_until_it_is_killed() {
    write_until_killed(|folder| {
        let (store, api) = open(&folder);
        api.declare_alarm(false, metric("m", 1.0)).unwrap();
        Box::new(move |number| {
            let state = if number % 2 == 0 { State::Alarm } else { State::Ok };
            turn(&store, "m", state, i64::try_from(number).unwrap());
            store.flush().unwrap();
        })
    });
}

#[test]
fn acknowledged_states_survive_a_kill_with_their_history() {
    for after in [1, 7, 40] {
        let folder = Folder::new("alarms-kill");
        let told = killed("alarms::disk::tests::writes_until_it_is_killed", &folder, after);
        let (store, _api) = open(&folder);
        let turns = store.history(|item| item.kind == crate::alarms::ItemKind::StateUpdate).len();
        // The one that was being written may be there.
        assert!(turns == told || turns == told + 1, "{turns}, {told} acknowledged");
        let expected = if turns % 2 == 1 { State::Alarm } else { State::Ok };
        assert_eq!(store.all()[0].state, expected);
    }
}
