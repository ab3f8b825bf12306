//! Whatever is written, reading it ends soon and without a panic.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cloudwatch::insights::{Table, compile};
use proptest::prelude::*;

/// Far more than any of these needs, also in a build without optimisation.
const SOON: Duration = Duration::from_secs(5);

#[track_caller]
fn ends_soon(query: &str) {
    let started = Instant::now();
    let _ = compile(query);
    assert!(started.elapsed() < SOON, "{} characters took {:?}", query.len(), started.elapsed());
}

#[test]
fn deep_and_long_expressions() {
    for depth in [20, 39, 101, 4000] {
        ends_soon(&format!("filter {}1{}", "(".repeat(depth), ")".repeat(depth)));
        ends_soon(&format!("fields {}1{}", "abs(".repeat(depth.min(2000)), ")".repeat(depth.min(2000))));
        ends_soon(&format!("filter {} a", "not ".repeat(depth.min(2400))));
        ends_soon(&format!("filter {}1", "-".repeat(depth)));
        ends_soon(&format!("filter {}1", "1+".repeat(depth)));
        ends_soon(&format!("filter {}1", "2^".repeat(depth)));
        ends_soon(&format!("filter a{}", "[0]".repeat(depth.min(3000))));
        ends_soon(&format!("filter {}1 = 1", "a=1 or ".repeat(depth.min(1400))));
        ends_soon(&format!(
            "filter {}{}1{}",
            "1+".repeat(90),
            "(1+".repeat(depth.min(1000)),
            ")".repeat(depth.min(1000))
        ));
        ends_soon(&"fields a | ".repeat(depth.min(900)));
        ends_soon(&"filter a in (SOURCE 'x' | ".repeat(depth.min(380)));
        ends_soon(&"join left=a right=b where a.k=b.k (SOURCE 'x' | ".repeat(depth.min(200)));
        ends_soon(&"appendcols (SOURCE 'x' | ".repeat(depth.min(380)));
    }
    assert!(compile(&format!("filter {}1{}", "(".repeat(39), ")".repeat(39))).is_ok());
    assert!(compile(&format!("filter {}a = 2", "a = 1 or ".repeat(1000))).is_ok());
}

#[test]
fn large_patterns() {
    ends_soon(&format!("parse \"{}\" as {}", "*,".repeat(1000), vec!["a"; 1000].join(", ")));
    ends_soon(r"filter a like /(\w{99}){99}/");
    ends_soon(&format!("filter {}1", r"a like /\w{60}\d{60}/ or ".repeat(400)));
    ends_soon(&format!("filter a like /{}/", "(a|".repeat(1500)));
    ends_soon(&format!("filter a in [{}1]", "1,".repeat(4900)));
    ends_soon(&format!("fields {}a", "x.".repeat(4900)));
    ends_soon(&format!("SOURCE logGroupTags({}", "[".repeat(9900)));
    ends_soon(&format!("lookup t {}a OUTPUT b", "a,".repeat(4900)));
    ends_soon(&format!("outlier {}", "a ".repeat(4900)));
    ends_soon(&format!("fields {}", (0..900).map(|n| format!("f{n}.a.b")).collect::<Vec<_>>().join(",")));
}

#[test]
fn a_pattern_of_many_stars_over_a_large_message() {
    let names: Vec<String> = (0..200).map(|n| format!("a{n}")).collect();
    let query = format!("parse \"{}\" as {} | display a199", "*x".repeat(200), names.join(","));
    let started = Instant::now();
    super::run(&query, &["y".repeat(200_000).as_str(), "x".repeat(200_000).as_str()]);
    assert!(started.elapsed() < SOON);
}

/// Pieces of the language, so that many of the texts are nearly queries.
fn piece() -> impl Strategy<Value = String> {
    const WORDS: &str = "fields filter stats sort limit dedup parse pattern diff unnest display fillmissing accum \
        autoregress filldown countFrequent expand head tail json field as by in like not and or desc into multi csv \
        logfmt SOURCE (SOURCE'x'| (SOURCE'x') join left=l right=r where l.a=r.a r.b appendcols max=5 override=true \
        lookup cidrlookup t OUTPUT OUTPUTNEW addtotals row=false col=true fieldname= sessionize maxspan outlier \
        action=remove param=1 mark=true relevantfields logcompare timeshift offset logGroups() \
        logGroups(namePrefix:['a']) logGroupTags([{\"key\":\"a\"}]) a b.c @message @timestamp `xy` count(*) sum(a) pct(a,9) bin(5m) strlen(a) jsonParse(@message) \
        5 0.5 10m \"te*xt\" ' \" ` / /(?<g>a)/ [ ] ( ) , | = != < >= =~ + - * ^ % . # \n é";
    let words: Vec<&'static str> = WORDS.split(' ').collect();
    prop_oneof![8 => prop::sample::select(words).prop_map(str::to_owned), 1 => any::<String>()]
}

/// The lookup table `t`, with columns of the names among the pieces.
fn tables() -> BTreeMap<String, Arc<Table>> {
    let table = Table::parse("a,b.c,xy\n5,10.0.0.0/8,x\n,,\n").unwrap();
    [("t".to_owned(), Arc::new(table))].into()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_a_query_or_an_error_with_a_place(pieces in prop::collection::vec(piece(), 0..25)) {
        let query = pieces.join(" ");
        match compile(&query) {
            Ok(_) => {
                if let Ok(bound) = compile(&query).unwrap().bind(&query, tables()) {
                    super::run_bound(&bound, super::RANGE, &super::lines(&[
                        r#"{"a":5,"b":{"c":[1,"x"]},"xy":"te xt"}"#, "text", "", "{\"a\":", "k=v a=b",
                    ]), !query.contains("any"));
                }
            }
            Err(error) => {
                prop_assert!(error.start <= error.end);
                prop_assert!(error.end <= query.chars().count());
            }
        }
    }

    #[test]
    fn any_message_can_be_read(message in any::<String>(), json in "[\\[\\]{}:,\"\\\\u0-9a-d. -]{0,60}") {
        for text in [message.as_str(), json.as_str(), &format!("{{{json}"), &format!("{{\"a\":{json}")] {
            super::run(
                "fields a.b, a.0, @requestId, @duration, jsonParse(@message) as j | parse @message logfmt as l \
                 | parse @message csv as x, y | parse \"a*b*\" as p, q | display j.a, l.a, x, y, p, q, a",
                &[text],
            );
            super::run("pattern @message", &[text, text]);
        }
    }
}
