//! The formulas of COST.md against what is used: units, messages and invocations of whole lives and of
//! publications.

use harness::{Options, Socket, Stack};
use serde_json::Value;

use crate::documents::{NAMESPACES, document, rows};

/// What is paid for.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Used {
    writes: f64,
    reads: f64,
    messages: f64,
    invocations: f64,
}

impl Used {
    /// The terms of a formula: `6 writes x 0.625 + 2 messages x 1.00`.
    fn of(formula: &str) -> Self {
        let mut used = Self::default();
        for (count, what, _) in terms(formula) {
            match what.trim_end_matches('s') {
                "write" => used.writes += count,
                "read" => used.reads += count,
                "message" => used.messages += count,
                "invocation" => used.invocations += count,
                other => panic!("nobody pays for {other}"),
            }
        }
        used
    }

    /// What functions' lines and rows of the access log come to. API Gateway counts a frame in, its answer
    /// out, and each callback.
    fn by(lines: &[Value], rows: &[Value]) -> Self {
        let sum = |name: &str| lines.iter().filter_map(|line| line[name].as_f64()).sum::<f64>();
        let messages = rows.iter().map(|row| match row["eventType"].as_str().unwrap() {
            "MESSAGE" => 2.0,
            "CONNECTION_API" => 1.0,
            _ => 0.0,
        });
        Self {
            writes: sum("WriteUnits"),
            reads: sum("ReadUnits"),
            messages: messages.sum(),
            invocations: sum("Invocations"),
        }
    }
}

/// The terms of a formula: how much, of what, at which price. A price alone is of nothing.
fn terms(formula: &str) -> Vec<(f64, &str, f64)> {
    let number = |text: &str| match text.split_once('/') {
        Some((a, b)) => a.parse::<f64>().unwrap() / b.parse::<f64>().unwrap(),
        None => text.parse().unwrap(),
    };
    let terms = formula.split(" + ").map(|term| match term.split(' ').collect::<Vec<_>>()[..] {
        [count, what, "x", price] => (number(count), what, number(price)),
        [price] => (1.0, "", number(price)),
        _ => panic!("no term: {term}"),
    });
    terms.collect()
}

/// The formula of a row of COST.md.
fn formula(of: &str) -> String {
    let rows = rows(&document("COST.md"));
    rows.into_iter().find(|row| row[0].starts_with(of)).unwrap_or_else(|| panic!("no row {of}")).remove(1)
}

/// A stack and what it had used at the last look.
struct Meter {
    stack: Stack,
    lines: usize,
    rows: usize,
    before: Used,
}

impl Meter {
    async fn start() -> Self {
        let parameters = vec![("Namespaces", NAMESPACES.replace('\n', ""))];
        let stack = Stack::with(Options { parameters, ..Options::default() }).await;
        Self { stack, lines: 0, rows: 0, before: Used::default() }
    }

    /// What was used since the last time, once there are so many lines of functions and rows of the
    /// access log more. Lines of several groups are in no order of time, so all of them are added up.
    async fn take(&mut self, lines: usize, rows: usize) -> Used {
        self.lines += lines;
        self.rows += rows;
        let all = |count: usize| move |all: &[Value]| (all.len() >= count).then(|| all.to_vec());
        let all_lines = self.stack.logs().wait("/aws/lambda", all(self.lines)).await;
        let all_rows = self.stack.logs().wait("/access", all(self.rows)).await;
        assert_eq!((all_lines.len(), all_rows.len()), (self.lines, self.rows), "{all_rows:#?}");
        let now = Used::by(&all_lines, &all_rows);
        let before = std::mem::replace(&mut self.before, now);
        Used {
            writes: now.writes - before.writes,
            reads: now.reads - before.reads,
            messages: now.messages - before.messages,
            invocations: now.invocations - before.invocations,
        }
    }

    /// A client that has connected and subscribed in one frame, and its answer.
    async fn client(&self, channels: &[String]) -> Socket {
        let subscribe = |(id, channel): (u32, &String)| {
            format!("\n{{\"id\":{id},\"subscribe\":{{\"channel\":\"{channel}\"}}}}")
        };
        let commands: String = (2..).zip(channels).map(subscribe).collect();
        let mut client = self.stack.connect().await;
        client.send(&format!("{{\"id\":1,\"connect\":{{}}}}{commands}")).await;
        let last = format!("{{\"id\":{},", channels.len() + 1);
        while !client.text().await.contains(&last) {}
        client
    }

    /// What a whole life uses: a frame that connects and subscribes, and then the end. `posts` are the
    /// callbacks of it.
    async fn life(&mut self, channels: &[String], posts: usize) -> Used {
        self.client(channels).await.close(None).await;
        self.take(3, 3 + posts).await
    }
}

fn channels(namespace: &str, count: usize) -> Vec<String> {
    (0..count).map(|n| format!("{namespace}:{n}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_whole_life_writes_and_sends_what_the_formula_says() {
    let text = document("COST.md");
    let formula_of_k = text.split("**").find_map(|bold| bold.strip_suffix("k write units")).unwrap();
    let (fixed, each) = formula_of_k.split_once(" + ").unwrap();
    let (fixed, each): (f64, f64) = (fixed.parse().unwrap(), each.parse().unwrap());
    // The bound that this was built for.
    assert!(fixed <= 9.0 && each <= 2.0);

    let mut meter = Meter::start().await;
    for (k, channel_count) in [(1.0, 1), (3.0, 3), (10.0, 10)] {
        let used = meter.life(&channels("plain", channel_count), 0).await;
        assert_eq!((used.writes, used.messages), (fixed + each * k, 2.0), "{k} channels");
        if channel_count == 1 {
            assert_eq!(used, Used::of(&formula("connections that connect")));
        }
    }
    // Each channel with a history begins once, with a write more; its position is posted before the answer.
    meter.life(&channels("log", 3), 1).await;
    let used = meter.life(&channels("log", 3), 1).await;
    assert_eq!((used.writes, used.messages), (fixed + each * 3.0, 3.0));
    let used = meter.life(&channels("log", 1), 1).await;
    assert_eq!(used, Used::of(&formula("the same with history")));
    meter.stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_publication_is_two_messages_and_one_for_each_recipient() {
    let mut meter = Meter::start().await;
    for (namespace, row, posts_of_subscribe) in
        [("log", "publications with history", 1), ("plain", "publications without history", 0)]
    {
        let mut clients = Vec::new();
        for _ in 0..3 {
            clients.push(meter.client(&channels(namespace, 1)).await);
            meter.take(2, 2 + posts_of_subscribe).await;
        }
        let publish = format!(r#"{{"id":9,"publish":{{"channel":"{namespace}:0","data":1}}}}"#);
        clients[0].send(&publish).await;
        while !clients[0].text().await.contains("{\"id\":9,") {}
        let used = meter.take(1, 1 + clients.len()).await;
        let without_deliveries = Used::of(&formula(row));
        let recipients = 3.0;
        let expected = Used { messages: without_deliveries.messages + recipients, ..without_deliveries };
        assert_eq!(used, expected, "{namespace}");
        let ends = clients.len();
        for client in clients {
            client.close(None).await;
        }
        meter.take(ends, ends).await;
    }
    meter.stack.stop().await;
}

#[test]
fn every_price_is_what_its_formula_comes_to() {
    let mut checked = 0;
    let rows = rows(&document("COST.md"));
    for row in rows.into_iter().skip_while(|row| row[0] != "for a million of").skip(1) {
        let sum: f64 = terms(&row[1]).iter().map(|(count, _, price)| count * price).sum();
        let price: f64 = row[2].parse().unwrap();
        assert!((sum - price).abs() < 0.005_001, "{}: {sum}", row[0]);
        checked += 1;
    }
    assert!(checked >= 5, "{checked}");
}
