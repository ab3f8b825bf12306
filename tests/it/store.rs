//! The ports keep the same promises over DynamoDB's real calls as in memory: those of the local AWS, or with
//! `SWITCHBOARD_DYNAMODB=http://…` those of another DynamoDB (`tests/interop/dynamodb-local/run`).

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeDefinition, BillingMode, KeySchemaElement};
use harness::{Options, Stack};
use shared::adapters::Table;
use shared::adapters::memory::Memory;
use shared::auth::ticket::{Pass, Ticket};
use shared::channel::Channel;
use shared::ids::{ConnectionId, SubscriptionId, UserId};
use shared::model::connection::MAX_SUBSCRIPTIONS;
use shared::model::history::{Claim, Entry, Head, Kept, Page, Step};
use shared::model::opened::{Bucket, Opened};
use shared::model::spread::Spread;
use shared::model::{Connection, Mark, Member, State, Subscription};
use shared::ports::{MAX_TOGETHER, OpenConnection, PutIndex, PutTicket, Refusal, Subscriptions, TakeTicket};
use shared::service::api::ApiStore;
use shared::service::members::members;
use shared::service::sweep::SweepStore;
use shared::telemetry::Usage;

const AT: i64 = 1_790_328_012_000;

/// Everything that the service asks of a store.
trait Store: ApiStore + OpenConnection + PutTicket + SweepStore + TakeTicket {}
impl<T: ApiStore + OpenConnection + PutTicket + SweepStore + TakeTicket> Store for T {}

fn channel(name: &str) -> Channel {
    Channel::parse(name).unwrap()
}

/// A subscription as a connection's row lists it.
fn subscribed(name: &str, subscription: &str) -> Subscriptions {
    [(channel(name), subscription.into())].into()
}

async fn check(store: &impl Store) {
    a_row_lives_once(store).await;
    a_tombstone_refuses_everything(store).await;
    subscriptions_are_listed(store).await;
    several_are_listed_or_none(store).await;
    connections_are_listed_by_their_time(store).await;
    a_refresh_moves_the_end(store).await;
    commands_are_counted_once(store).await;
    a_subscription_is_renewed(store).await;
    members_expire(store).await;
    members_are_spread(store).await;
    a_member_misses_what_did_not_reach_it(store).await;
    a_head_gives_out_offsets(store).await;
    one_at_a_time_has_a_channel(store).await;
    a_member_waits_for_its_reply(store).await;
    a_place_is_filled_once(store).await;
    history_is_read_from_either_end(store).await;
    a_ticket_is_taken_once(store).await;
    a_history_is_removed(store).await;
    a_users_connections_are_found(store).await;
    a_key_is_remembered_until_its_hour(store).await;
}

async fn a_history_is_removed(store: &impl Store) {
    let channel = channel("log:removed");
    assert_eq!(store.hide(&channel, 5).await, Ok(()), "there is no head");
    assert_eq!(store.head(&channel).await, Ok(None));
    let step = Step { by: 1, new_epoch: "e", now_ms: AT, ttl: AT / 1000 + 60 };
    assert_eq!(store.advance(&channel, &step).await.unwrap().removed, 0);
    for (up_to, removed) in [(1, 1), (7, 7), (3, 7)] {
        store.hide(&channel, up_to).await.unwrap();
        assert_eq!(store.head(&channel).await.unwrap().unwrap().removed, removed);
    }
    let entry = Entry { offset: 1, at: AT, kept: None };
    assert_eq!(store.put_entry(&channel, "e", &entry, AT).await, Ok(true));
    for _ in 0..2 {
        store.delete_entry(&channel, "e", 1).await.unwrap();
        assert_eq!(store.entries(&channel, "e", 1..=9, false).await, Ok(Page::default()));
    }
}

async fn a_users_connections_are_found(store: &impl Store) {
    let user = UserId::from("zoe");
    assert_eq!(store.connections(&user, AT / 1000).await, Ok(vec![]));
    for id in ["zoe-1==", "zoe-2=="] {
        let connection = Connection::opened(id.into(), Some(user.clone()), AT);
        store.put_device(&user, &connection).await.unwrap();
    }
    let both = vec!["zoe-1==".into(), "zoe-2==".into()];
    assert_eq!(store.connections(&user, AT / 1000).await, Ok(both));
    assert_eq!(store.connections(&user, AT / 1000 + 3 * 3600).await, Ok(vec![]));
}

async fn a_key_is_remembered_until_its_hour(store: &impl Store) {
    let (to, now) = (channel("log:keys"), AT / 1000);
    let mark = |owner: &str, offset| Mark::begun(owner.to_owned(), Some(("e".to_owned(), offset)), now);
    let (one, other) = (mark("one", 1), mark("other", 2));
    assert_eq!(store.remembered(&to, "k", now).await, Ok(None));
    assert_eq!(store.change(&to, "k", &one, &other).await, Ok(None));
    assert_eq!(store.remember(&to, "k", &one, now).await, Ok(one.clone()));
    assert_eq!(store.remember(&to, "k", &other, now).await, Ok(one.clone()), "the first stays");
    assert_eq!(store.remembered(&to, "k", now).await, Ok(Some(one.clone())));
    assert_eq!(store.remembered(&channel("log:other"), "k", now).await, Ok(None), "a key is one channel's");
    assert_eq!(store.change(&to, "k", &other, &mark("third", 3)).await, Ok(Some(one.clone())));
    assert_eq!(store.change(&to, "k", &one, &other).await, Ok(Some(other.clone())));
    let done = Mark { done: true, ..other.clone() };
    assert_eq!(store.change(&to, "k", &other, &done).await, Ok(Some(done.clone())));
    assert_eq!(store.remembered(&to, "k", done.expires_at - 1).await, Ok(Some(done.clone())));
    assert_eq!(store.remembered(&to, "k", done.expires_at).await, Ok(None));
    let late = Mark::begun("late".to_owned(), None, done.expires_at);
    assert_eq!(store.remember(&to, "k", &late, done.expires_at).await, Ok(late.clone()));
    assert_eq!(store.remembered(&to, "k", done.expires_at).await, Ok(Some(late)));
}

async fn a_row_lives_once(store: &impl Store) {
    let id = ConnectionId::from("once-A==");
    let connection = Connection::opened(id.clone(), Some(UserId::from("alice")), AT);
    assert_eq!(store.read(&id).await, Ok(None));
    assert_eq!(store.greet(&connection).await, Ok(Err(Refusal::Closed)));
    assert_eq!(store.open(&connection).await, Ok(Ok(())));
    assert_eq!(store.open(&connection).await, Ok(Err(Refusal::Already)));
    assert_eq!(store.read(&id).await, Ok(Some(connection.clone())));
    let known = Connection {
        user: Some("bob".into()),
        info: Some(r#"{"a":1}"#.to_owned()),
        token_expires_at: Some(AT / 1000 + 600),
        caps: serde_json::from_str(r#"[{"channels":["a"],"allow":["pub"]}]"#).unwrap(),
        ..connection
    };
    assert_eq!(store.greet(&known).await, Ok(Ok(())));
    assert_eq!(store.greet(&known).await, Ok(Err(Refusal::Already)));
    assert_eq!(store.read(&id).await, Ok(Some(Connection { greeted: true, ..known })));
}

async fn a_ticket_is_taken_once(store: &impl Store) {
    let (ticket, late) = (Ticket::draw(), Ticket::draw());
    let pass = Pass { user: "bob".into(), info: Some("1".to_owned()), expires_at: Some(AT / 1000 + 900) };
    let bare = Pass { user: "bob".into(), info: None, expires_at: None };
    store.put_ticket(&ticket, &pass, AT / 1000 + 60).await.unwrap();
    store.put_ticket(&late, &bare, AT / 1000 + 60).await.unwrap();
    assert_eq!(store.take_ticket(&Ticket::draw(), AT / 1000).await, Ok(None));
    assert_eq!(store.take_ticket(&ticket, AT / 1000 + 59).await, Ok(Some(pass)));
    assert_eq!(store.take_ticket(&ticket, AT / 1000 + 59).await, Ok(None));
    assert_eq!(store.take_ticket(&late, AT / 1000 + 60).await, Ok(None), "it has expired");
    assert_eq!(store.take_ticket(&late, AT / 1000 + 59).await, Ok(Some(bare)));
}

async fn a_tombstone_refuses_everything(store: &impl Store) {
    let id = ConnectionId::from("dead-B==");
    let connection = Connection::opened(id.clone(), None, AT);
    assert_eq!(store.close(&id, AT / 1000).await, Ok(None), "there was nothing before");
    assert_eq!(store.open(&connection).await, Ok(Err(Refusal::Closed)));
    assert_eq!(store.greet(&connection).await, Ok(Err(Refusal::Closed)));
    assert_eq!(store.refresh(&connection).await, Ok(Err(Refusal::Closed)));
    assert_eq!(store.add(&connection, &subscribed("room:1", "s")).await, Ok(Err(Refusal::Closed)));
    assert_eq!(store.remove(&id, &channel("room:1")).await, Ok(None));
    assert_eq!(store.read(&id).await.unwrap().unwrap().state, State::Closed);
}

async fn commands_are_counted_once(store: &impl Store) {
    let id = ConnectionId::from("rate-G==");
    assert_eq!(store.spend(&id, 0, AT).await, Ok(None), "there is no row");
    store.open(&Connection::opened(id.clone(), None, AT)).await.unwrap().unwrap();
    assert_eq!(store.spend(&id, 0, AT).await, Ok(Some(AT)));
    assert_eq!(store.spend(&id, 0, AT + 5).await, Ok(Some(AT)), "another frame was first");
    assert_eq!(store.spend(&id, AT, AT + 5).await, Ok(Some(AT + 5)));
    assert_eq!(store.read(&id).await.unwrap().unwrap().busy_until, AT + 5);
    store.close(&id, AT / 1000).await.unwrap();
    assert_eq!(store.spend(&id, AT + 5, AT + 9).await, Ok(None));
}

async fn subscriptions_are_listed(store: &impl Store) {
    let id = ConnectionId::from("subs-C==");
    let connection = Connection::opened(id.clone(), None, AT);
    store.open(&connection).await.unwrap().unwrap();
    let odd = channel("room:#$-_.x");
    assert_eq!(store.add(&connection, &subscribed(odd.as_str(), "s1")).await, Ok(Ok(())));
    assert_eq!(store.add(&connection, &subscribed(odd.as_str(), "s2")).await, Ok(Err(Refusal::Already)));
    assert_eq!(store.remove(&id, &odd).await, Ok(Some("s1".into())));
    assert_eq!(store.remove(&id, &odd).await, Ok(None));
    for n in 0..MAX_SUBSCRIPTIONS {
        store.add(&connection, &subscribed(&format!("room:{n}"), "s")).await.unwrap().unwrap();
    }
    assert_eq!(store.add(&connection, &subscribed(odd.as_str(), "s3")).await, Ok(Err(Refusal::Full)));
    let before = store.close(&id, AT / 1000).await.unwrap().unwrap();
    assert_eq!((before.state, before.subscriptions.len()), (State::Open, MAX_SUBSCRIPTIONS));
    let again = store.close(&id, AT / 1000).await.unwrap().unwrap();
    assert_eq!((again.state, again.subscriptions.len()), (State::Closed, MAX_SUBSCRIPTIONS));
}

async fn several_are_listed_or_none(store: &impl Store) {
    let id = ConnectionId::from("several-H==");
    let connection =
        Connection { token_expires_at: Some(AT / 1000 + 60), ..Connection::opened(id.clone(), None, AT) };
    let some = |numbers: std::ops::Range<usize>| -> Subscriptions {
        let name = |n| Channel::parse(&format!("room:{:x<100}", n)).unwrap();
        numbers
            .map(|n| (name(n), Subscription { expires_at: Some(AT), ..format!("m.{n}@63").as_str().into() }))
            .collect()
    };
    assert_eq!(store.add(&connection, &some(0..2)).await, Ok(Err(Refusal::Closed)));
    store.open(&connection).await.unwrap().unwrap();
    let stranger = Connection { token_expires_at: None, ..connection.clone() };
    assert_eq!(store.add(&stranger, &some(0..2)).await, Ok(Err(Refusal::Refreshed)));
    assert_eq!(store.add(&connection, &some(0..MAX_TOGETHER)).await, Ok(Ok(())));
    assert_eq!(
        store.add(&connection, &some(MAX_TOGETHER - 1..MAX_TOGETHER + 1)).await,
        Ok(Err(Refusal::Already))
    );
    let too_many = some(MAX_TOGETHER..MAX_SUBSCRIPTIONS + 1);
    assert_eq!(store.add(&connection, &too_many).await, Ok(Err(Refusal::Full)));
    let row = store.read(&id).await.unwrap().unwrap();
    assert_eq!(row.subscriptions, some(0..MAX_TOGETHER));
    assert_eq!(store.add(&connection, &some(MAX_TOGETHER..MAX_SUBSCRIPTIONS)).await, Ok(Ok(())));
}

async fn connections_are_listed_by_their_time(store: &impl Store) {
    let opened = |n: i64| Connection::opened(format!("opened-{n}==").into(), None, AT + n * 60_000);
    for n in [0, 1, 60] {
        store.put_opened(&opened(n)).await.unwrap();
        store.open(&opened(n)).await.unwrap().unwrap();
        store.add(&opened(n), &subscribed(&format!("room:opened{}", n / 60), "s")).await.unwrap().unwrap();
    }
    let listed = async || {
        let mut listed = Vec::new();
        for bucket in Bucket::all(AT + 60 * 60_000) {
            listed.extend(store.opened(bucket, None).await.unwrap().connections);
        }
        listed.retain(|opened| opened.id.as_str().starts_with("opened-"));
        listed.sort_by_key(|opened| opened.at);
        listed
    };
    let expected = [0, 1, 60].map(|n| Opened { id: opened(n).id, at: opened(n).connected_at });
    assert_eq!(listed().await, expected);
    store.delete_opened(&opened(1).id, opened(1).connected_at).await.unwrap();
    assert_eq!(listed().await, [expected[0].clone(), expected[2].clone()]);
    let ids = expected.map(|opened| opened.id);
    store.close(&ids[2], AT / 1000).await.unwrap();
    let unknown = [ids.clone().to_vec(), vec!["unknown-I==".into()]].concat();
    assert_eq!(store.channels(&unknown).await, Ok([channel("room:opened0")].into()));
    assert_eq!(store.channels(&[]).await, Ok([].into()));
}

async fn a_refresh_moves_the_end(store: &impl Store) {
    let (id, room) = (ConnectionId::from("token-D=="), channel("room:tokens"));
    let old =
        Connection { token_expires_at: Some(AT / 1000 + 60), ..Connection::opened(id.clone(), None, AT) };
    let new = Connection { token_expires_at: Some(AT / 1000 + 600), ..old.clone() };
    store.open(&old).await.unwrap().unwrap();
    store.greet(&old).await.unwrap().unwrap();
    store.put_member(&room, &old, &"s1".into(), None).await.unwrap();
    store.add(&old, &subscribed(room.as_str(), "s1")).await.unwrap().unwrap();
    let listed = store.refresh(&new).await.unwrap().unwrap();
    assert_eq!(listed.into_iter().collect::<Vec<_>>(), [(room.clone(), "s1".into())]);
    assert_eq!(store.add(&old, &subscribed("room:2", "s2")).await, Ok(Err(Refusal::Refreshed)));
    assert_eq!(store.add(&new, &subscribed("room:2", "s2")).await, Ok(Ok(())));

    let count = async |now_s| members(store, &room, now_s).await.unwrap().len();
    assert_eq!(count(old.expires_at()).await, 0);
    store.extend_member(&room, &new, &"s1".into()).await.unwrap();
    assert_eq!(count(old.expires_at()).await, 1);
    store.extend_member(&room, &old, &"s1".into()).await.unwrap();
    assert_eq!(count(old.expires_at()).await, 1, "it is never made shorter");
    store.extend_member(&room, &new, &"not there".into()).await.unwrap();
    store.delete_member(&room, &id, &"s1".into()).await.unwrap();
    assert_eq!(count(AT / 1000).await, 0, "it is never made");
    store.refresh(&Connection { token_expires_at: None, ..new }).await.unwrap().unwrap();
    assert_eq!(store.read(&id).await.unwrap().unwrap().token_expires_at, None);
}

async fn a_subscription_is_renewed(store: &impl Store) {
    let (id, room) = (ConnectionId::from("renew-F=="), channel("room:renew#a,b"));
    let connection = Connection::opened(id.clone(), None, AT);
    let first = Subscription { id: "s1".into(), expires_at: Some(AT / 1000 + 60), hears_joins: true };
    let second = Subscription { expires_at: Some(AT / 1000 + 600), ..first.clone() };
    assert_eq!(store.renew(&connection, &room, &first, &second).await, Ok(Err(Refusal::Closed)));
    store.open(&connection).await.unwrap().unwrap();
    assert_eq!(store.renew(&connection, &room, &first, &second).await, Ok(Err(Refusal::Refreshed)));
    store.put_member(&room, &connection, &first, None).await.unwrap();
    store.add(&connection, &[(room.clone(), first.clone())].into()).await.unwrap().unwrap();
    let listed = async || store.read(&id).await.unwrap().unwrap().subscriptions[&room].clone();
    assert_eq!(listed().await, first);
    assert_eq!(store.renew(&connection, &room, &second, &first).await, Ok(Err(Refusal::Refreshed)));
    let other = Connection { token_expires_at: Some(AT / 1000), ..connection.clone() };
    assert_eq!(store.renew(&other, &room, &first, &second).await, Ok(Err(Refusal::Refreshed)));
    assert_eq!(store.renew(&connection, &room, &first, &second).await, Ok(Ok(())));
    assert_eq!(listed().await, second);
    let listed_members = async |now_s| members(store, &room, now_s).await.unwrap();
    assert!(listed_members(AT / 1000).await[0].hears_joins);
    assert_eq!(listed_members(connection.member_expires_at(&first)).await, []);
    store.extend_member(&room, &connection, &second).await.unwrap();
    assert_eq!(listed_members(connection.member_expires_at(&first)).await.len(), 1);
}

async fn members_expire(store: &impl Store) {
    let room = channel("room:members");
    for n in 0..3 {
        let connection = Connection::opened(format!("m{n}").into(), None, AT + n * 60_000);
        store.put_member(&room, &connection, &"s".into(), None).await.unwrap();
    }
    let last = Connection::opened("m2".into(), None, AT + 120_000);
    store.put_member(&room, &last, &"a second row".into(), None).await.unwrap();
    let names = async |now_s| {
        let members = members(store, &room, now_s).await.unwrap();
        members.into_iter().map(|member| member.connection.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(AT / 1000).await, ["m0", "m1", "m2"], "each connection once");
    assert_eq!(names(last.expires_at() - 60).await, ["m2"], "m0 and m1 have expired");
    store.delete_member(&room, &"m0".into(), &"s".into()).await.unwrap();
    store.delete_member(&room, &"m0".into(), &"s".into()).await.unwrap();
    assert_eq!(names(AT / 1000).await, ["m1", "m2"]);
    store.put_device(&"alice".into(), &last).await.unwrap();
    let devices = async |now_s| store.devices(&"alice".into(), now_s).await.unwrap();
    assert_eq!((devices(AT / 1000).await, devices(last.expires_at()).await), (1, 0));
    store.delete_device(&"alice".into(), &last.id).await.unwrap();
}

async fn members_are_spread(store: &impl Store) {
    let room = channel("room:spread");
    let connection = |n: i64| Connection::opened(format!("s{n}").into(), None, AT);
    let put = async |n, shard| {
        let subscription = SubscriptionId::from("s").in_shard(shard).into();
        store.put_member(&room, &connection(n), &subscription, None).await.unwrap();
    };
    put(1, 0).await;
    put(2, 3).await;
    let names = async || {
        let members = members(store, &room, AT / 1000).await.unwrap();
        members
            .into_iter()
            .map(|member| (member.connection.to_string(), member.subscription.shard()))
            .collect::<Vec<_>>()
    };
    assert_eq!(store.read_spread(&room).await, Ok(None));
    assert_eq!(names().await, [("s1".to_owned(), 0)], "nobody reads shards that are not");
    for (shards, expected) in [(4, 4), (1, 4), (16, 16)] {
        store.spread(&room, Spread { shards, ttl: AT / 1000 + 60 }).await.unwrap();
        let spread = store.read_spread(&room).await.unwrap();
        assert_eq!(spread, Some(Spread { shards: expected, ttl: AT / 1000 + 60 }));
    }
    put(3, 15).await;
    assert_eq!(names().await, [("s1".to_owned(), 0), ("s2".to_owned(), 3), ("s3".to_owned(), 15)]);
    let second = Member {
        subscription: SubscriptionId::from("s").in_shard(3),
        ..Member::of(&connection(2), &"s".into())
    };
    store.add_missing(&room, &second, &[4]).await.unwrap();
    assert_eq!(members(store, &room, AT / 1000).await.unwrap()[1].missing, [4].into());
    store.delete_member(&room, &second.connection, &second.subscription).await.unwrap();
    assert_eq!(names().await.len(), 2);
}

async fn a_member_misses_what_did_not_reach_it(store: &impl Store) {
    let room = channel("room:missing");
    let connection = Connection::opened("missing-E==".into(), None, AT);
    let missing = async || {
        let members = members(store, &room, AT / 1000).await.unwrap();
        members.into_iter().map(|member| member.missing.into_iter().collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    store.put_member(&room, &connection, &"s".into(), None).await.unwrap();
    let member = members(store, &room, AT / 1000).await.unwrap().remove(0);
    for offset in [7, 5, 6, 5] {
        store.add_missing(&room, &member, &[offset]).await.unwrap();
    }
    assert_eq!(missing().await, [[5, 6, 7]]);
    store.clear_missing(&room, &member, &[5, 7, 9]).await.unwrap();
    assert_eq!(missing().await, [[6]]);
    store.clear_missing(&room, &member, &[6]).await.unwrap();
    assert_eq!(missing().await, [[0; 0]]);
    store.delete_member(&room, &connection.id, &"s".into()).await.unwrap();
    store.add_missing(&room, &member, &[8]).await.unwrap();
    store.clear_missing(&room, &member, &[8]).await.unwrap();
    assert_eq!(missing().await, [[0; 0]; 0], "the row stays away");
}

async fn a_head_gives_out_offsets(store: &impl Store) {
    let room = channel("room:head");
    let step = |by, new_epoch| Step { by, new_epoch, now_ms: AT, ttl: AT / 1000 + 60 };
    let head = |offset, moved_at| Head { epoch: "e1".into(), offset, moved_at, ..Head::default() };
    assert_eq!(store.head(&room).await, Ok(None));
    assert_eq!(store.advance(&room, &step(0, "e1")).await, Ok(head(0, AT)));
    assert_eq!(store.advance(&room, &step(1, "e2")).await, Ok(head(1, AT)));
    let later = Step { now_ms: AT + 5, ..step(1, "e3") };
    assert_eq!(store.advance(&room, &later).await, Ok(head(2, AT + 5)));
    assert_eq!(store.head(&room).await, Ok(Some(head(2, AT + 5))));
    assert_eq!(store.head(&channel("room:other")).await, Ok(None));
}

async fn one_at_a_time_has_a_channel(store: &impl Store) {
    let room = channel("room:lease");
    let claim = |owner, now_ms| Claim { owner, now_ms, until_ms: now_ms + 10 };
    assert_eq!(store.take(&room, &claim("a", AT)).await, Ok(None), "there is no head");
    let step = Step { by: 3, new_epoch: "e1", now_ms: AT, ttl: AT / 1000 + 60 };
    let head = store.advance(&room, &step).await.unwrap();
    let taken = |delivered, until| Some(Head { delivered, busy_until: Some(AT + until), ..head.clone() });
    assert_eq!(store.take(&room, &claim("a", AT)).await, Ok(taken(None, 10)));
    assert_eq!(store.take(&room, &claim("a", AT)).await, Ok(taken(None, 10)), "the call is made again");
    assert_eq!(store.take(&room, &claim("b", AT + 9)).await, Ok(None));
    assert_eq!(store.head(&room).await, Ok(taken(None, 10)));
    store.release(&room, "b", 9).await.unwrap();
    store.release(&room, "a", 2).await.unwrap();
    assert_eq!(store.take(&room, &claim("b", AT + 9)).await, Ok(taken(Some(2), 19)));
    assert_eq!(store.take(&room, &claim("c", AT + 19)).await, Ok(taken(Some(2), 29)), "b has crashed");
    store.release(&room, "b", 3).await.unwrap();
    assert_eq!(store.head(&room).await, Ok(taken(Some(2), 29)), "and comes too late");
}

async fn a_member_waits_for_its_reply(store: &impl Store) {
    let room = channel("room:waits");
    let connection = Connection::opened("waits-F==".into(), None, AT);
    let subscription = Subscription::from("s");
    store.put_member(&room, &connection, &subscription, Some(AT / 1000 + 60)).await.unwrap();
    let waiting = Member { waits_until: Some(AT / 1000 + 60), ..Member::of(&connection, &subscription) };
    assert_eq!(members(store, &room, AT / 1000).await, Ok(vec![waiting.clone()]));
    store.add_missing(&room, &waiting, &[4, 5]).await.unwrap();
    assert_eq!(store.welcome(&room, &waiting).await, Ok([4, 5].into()));
    let there = Member { missing: [4, 5].into(), ..Member::of(&connection, &subscription) };
    assert_eq!(members(store, &room, AT / 1000).await, Ok(vec![there]));
    store.delete_member(&room, &connection.id, &subscription.id).await.unwrap();
    assert_eq!(store.welcome(&room, &waiting).await, Ok([].into()), "the row stays away");
    assert_eq!(members(store, &room, AT / 1000).await, Ok(vec![]));
}

/// A publication, or a void.
fn entry(offset: u64, data: Option<&str>) -> Entry {
    let kept = data.map(|data| Kept {
        data: data.to_owned(),
        user: offset.is_multiple_of(2).then(|| "alice".into()),
        client: offset.is_multiple_of(2).then(|| "p-E==".into()),
        info: offset.is_multiple_of(2).then(|| r#"{"a":1}"#.to_owned()),
        tags: (!offset.is_multiple_of(2)).then(|| r#"{"k":"v"}"#.to_owned()),
    });
    Entry { offset, at: AT + i64::try_from(offset).unwrap(), kept }
}

async fn a_place_is_filled_once(store: &impl Store) {
    let room = channel("room:#place");
    let put = async |epoch, entry| store.put_entry(&room, epoch, &entry, AT / 1000 + 60).await.unwrap();
    assert!(put("e1", entry(1, Some("1"))).await);
    assert!(put("e1", entry(1, Some("1"))).await, "a second try finds its own");
    assert!(!put("e1", entry(1, None)).await, "a publication is not closed");
    assert!(put("e1", entry(2, None)).await);
    assert!(put("e1", entry(2, None)).await, "closed by somebody else");
    assert!(!put("e1", entry(2, Some("2"))).await, "a closed place is not filled");
    assert!(put("e2", entry(2, Some("2"))).await, "another epoch has places of its own");
    let page = store.entries(&room, "e1", 1..=2, false).await.unwrap();
    assert_eq!(page, Page { entries: vec![entry(1, Some("1")), entry(2, None)], more: false });
}

async fn history_is_read_from_either_end(store: &impl Store) {
    let room = channel("room:history");
    // Four of these are more than a page.
    let data = format!("\"{}\"", "x".repeat(300_000));
    for offset in [8, 9, 10, 11, 12] {
        assert!(store.put_entry(&room, "e", &entry(offset, Some(&data)), AT / 1000).await.unwrap());
    }
    let read = async |first, last, reverse| {
        let page = store.entries(&room, "e", first..=last, reverse).await.unwrap();
        assert!(page.entries.iter().all(|read| *read == entry(read.offset, Some(&data))));
        (page.entries.iter().map(|entry| entry.offset).collect::<Vec<_>>(), page.more)
    };
    assert_eq!(read(9, 10, false).await, (vec![9, 10], false));
    assert_eq!(read(1, 10, false).await, (vec![8, 9, 10], false));
    assert_eq!(read(9, 10, true).await, (vec![10, 9], false));
    assert_eq!(read(5, 4, false).await, (vec![], false), "an empty range is not asked for");
    assert_eq!(read(13, u64::MAX, false).await, (vec![], false));
    // A page ends where it has a megabyte: before the row that crosses it, or, in DynamoDB Local, after it.
    let (page, more) = read(8, 12, false).await;
    assert!(page == [8, 9, 10] || page == [8, 9, 10, 11], "{page:?}");
    assert!(more);
    let next = page[page.len() - 1] + 1;
    assert_eq!(read(next, 12, false).await, ((next..=12).collect(), false), "the next page begins there");
    let (page, more) = read(8, 12, true).await;
    assert!(page == [12, 11, 10] || page == [12, 11, 10, 9], "{page:?}");
    assert!(more);
    let next = page[page.len() - 1] - 1;
    assert_eq!(read(8, next, true).await, ((8..=next).rev().collect(), false));
}

#[tokio::test]
async fn in_memory() {
    check(&Memory::default()).await;
}

/// A table of the local AWS, or of the DynamoDB whose endpoint the environment variable names.
struct Engine {
    /// What runs for it, if it is the local AWS.
    stack: Option<Stack>,
    client: Client,
    table: String,
}

impl Engine {
    #[expect(
        clippy::disallowed_methods,
        reason = "who runs the tests chooses the engine; no program reads it"
    )]
    async fn start(name: &str) -> Self {
        let Ok(endpoint) = std::env::var("SWITCHBOARD_DYNAMODB") else {
            let stack = Stack::start().await;
            let (client, table) = (Client::new(stack.sdk()), stack.table().to_owned());
            return Self { stack: Some(stack), client, table };
        };
        let sdk = harness::sdk(&endpoint).await;
        let engine = Self { stack: None, client: Client::new(&sdk), table: name.to_owned() };
        engine.create().await;
        engine
    }

    /// Makes the template's table, anew if there was one.
    async fn create(&self) {
        let (app, _) = Options::default().load();
        let create = &app.tables[0].create;
        let texts = |list: &str, member: &str| {
            let items = create[list].as_array().unwrap().iter();
            items.map(|item| item[member].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let mut call =
            self.client.create_table().table_name(&self.table).billing_mode(BillingMode::PayPerRequest);
        for (name, kind) in texts("KeySchema", "AttributeName").into_iter().zip(texts("KeySchema", "KeyType"))
        {
            let element = KeySchemaElement::builder().attribute_name(name).key_type(kind.as_str().into());
            call = call.key_schema(element.build().unwrap());
        }
        let definitions = "AttributeDefinitions";
        let kinds = texts(definitions, "AttributeType");
        for (name, kind) in texts(definitions, "AttributeName").into_iter().zip(kinds) {
            let definition = AttributeDefinition::builder().attribute_name(name);
            call =
                call.attribute_definitions(definition.attribute_type(kind.as_str().into()).build().unwrap());
        }
        // There is none at the first time.
        let _ = self.client.delete_table().table_name(&self.table).send().await;
        call.send().await.unwrap();
    }

    fn table(&self, usage: &Usage) -> Table {
        Table::new(self.client.clone(), self.table.clone(), usage.clone())
    }

    async fn stop(self) {
        if let Some(stack) = self.stack {
            stack.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn in_dynamodb() {
    let engine = Engine::start("store").await;
    let usage = Usage::default();
    check(&engine.table(&usage)).await;
    let units = usage.take();
    assert!(units.read > 0.0 && units.write > 100.0, "what was consumed is counted: {units:?}");
    if let Some(stack) = &engine.stack {
        assert!(!stack.index_rows().await.iter().any(|key| key.starts_with("U#")));
    }
    engine.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_of_more_members_than_a_page_is_read_whole() {
    let engine = Engine::start("members").await;
    let table = engine.table(&Usage::default());
    let room = channel("room:large");
    // A page of a Query is 1 MB; a long user id makes rows of a kilobyte and a half.
    let user = UserId::from("u".repeat(1500));
    for n in 0..800 {
        let connection = Connection::opened(format!("m{n:04}").into(), Some(user.clone()), AT);
        table.put_member(&room, &connection, &"s".into(), None).await.unwrap();
    }
    assert_eq!(members(&table, &room, AT / 1000).await.unwrap().len(), 800);
    engine.stop().await;
}
