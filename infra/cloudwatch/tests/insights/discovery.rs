//! Which fields an event has.

use super::{in_group, run, run_over, text, value};

#[test]
fn members_are_discovered_by_dotted_names() {
    let message = r#"{"a":{"b":[{"c":1},{"c":"two"}],"d.e":3},"f-g":4,"a b":5,"user.id":6}"#;
    assert_eq!(value("a.b.0.c", message), "1");
    assert_eq!(value("a.b[1].c", message), "two");
    assert_eq!(value("a.`d.e`", message), "3");
    assert_eq!(value("a.d.e", message), "3");
    assert_eq!(value("`f-g`", message), "4");
    assert_eq!(value("`a b`", message), "5");
    assert_eq!(value("user.id", message), "6");
    // Leaves only.
    assert_eq!(value("a", message), "-");
    assert_eq!(value("a.b", message), "-");
    assert_eq!(value("f-g", message), "-");
}

#[test]
fn escapes_are_read_and_names_with_escapes_are_found() {
    assert_eq!(value("a", r#"{"a":"x\n\"\u00e9\ud83d\ude00"}"#), "x\n\"é😀");
    assert_eq!(value("a", r#"{"\u0061":"b"}"#), "b");
    let rows = [r#"{"k":"\u0045RROR"}"#, r#"{"k":"ERROR"}"#, r#"{"k":"fine"}"#];
    assert_eq!(run("filter k = \"ERROR\" | stats count(*) as c", &rows), "c=2");
}

#[test]
fn a_doubled_at_sign_is_a_members_own() {
    let message = r#"{"@example.com":"a","@message":"b","@x":"c"}"#;
    assert_eq!(value("@@example.com", message), "a");
    assert_eq!(value("@@message", message), "b");
    assert_eq!(value("@message", message), message);
    assert_eq!(value("@x", message), "-");
}

#[test]
fn two_hundred_fields_are_discovered() {
    let members: Vec<String> = (0..250).map(|n| format!(r#""f{n}":{n}"#)).collect();
    let message = format!("{{{}}}", members.join(","));
    assert_eq!(value("f199", &message), "199");
    assert_eq!(value("f200", &message), "-");
    assert_eq!(value("jsonParse(@message).f200", &message), "200");
    let nested = format!(r#"{{"deep":{{{}}},"after":1}}"#, members.join(","));
    assert_eq!(value("after", &nested), "-");
}

#[test]
fn broken_json_has_the_fields_before_the_fault() {
    assert_eq!(value("a", r#"{"a":1,"b":tru"#), "1");
    assert_eq!(value("b", r#"{"a":1,"b":tru"#), "-");
    assert_eq!(value("a", r#"{"a":1,"a":2}"#), "1");
    assert_eq!(value("a", "{a:1}"), "-");
    assert_eq!(value("a", r#"text {"a":1}"#), "-");
    assert_eq!(value("a", r#"[{"a":1}]"#), "-");
    let deep = format!(r#"{{"x":{}1{},"a":1}}"#, "[".repeat(5000), "]".repeat(5000));
    assert_eq!(value("a", &deep), "-");
}

#[test]
fn system_fields() {
    let fields = "@logStream, @log, @ingestionTime, @aws.region, @aws.account, @source.log, @entity.Name, @aws.tag.env";
    let found = text(&run_over(&format!("fields {fields}"), super::RANGE, &in_group("/app", &["x"])));
    assert_eq!(
        found,
        "@logStream=one | @log=123456789012:/app | @ingestionTime=2026-08-01 10:00:00.050 | \
         @aws.region=us-east-1 | @aws.account=123456789012 | @source.log=/app"
    );
}

const REPORT: &str = "REPORT RequestId: 6f4b4f9e-0b4a-4c8a-9a55-1f2e3d4c5b6a\tDuration: 102.31 ms\t\
    Billed Duration: 103 ms\tMemory Size: 128 MB\tMax Memory Used: 51 MB\tInit Duration: 210.05 ms\t\n\
    XRAY TraceId: 1-5e1b4151-43a0913a12345678901234567\tSegmentId: 1a2b3c4d5e6f7a8b\tSampled: true";

#[test]
fn fields_of_lambdas_own_lines() {
    let fields = "@type, @requestId, @duration, @billedDuration, @initDuration, @memorySize, @maxMemoryUsed, \
        @xrayTraceId, @xraySegmentId";
    assert_eq!(
        run(&format!("fields {fields}"), &[REPORT]),
        "@type=REPORT | @requestId=6f4b4f9e-0b4a-4c8a-9a55-1f2e3d4c5b6a | @duration=102.31 | \
         @billedDuration=103 | @initDuration=210.05 | @memorySize=128000000 | @maxMemoryUsed=51000000 | \
         @xrayTraceId=1-5e1b4151-43a0913a12345678901234567 | @xraySegmentId=1a2b3c4d5e6f7a8b"
    );
    let start = "START RequestId: 6f4b4f9e-0b4a-4c8a-9a55-1f2e3d4c5b6a Version: $LATEST";
    assert_eq!(value("@type", start), "START");
    assert_eq!(value("@duration", start), "-");
    assert_eq!(value("@type", "REPORT of the day"), "-");
    let own = "2026-08-01T10:00:00.000Z\t6f4b4f9e-0b4a-4c8a-9a55-1f2e3d4c5b6a\tINFO\thello";
    assert_eq!(value("@requestId", own), "6f4b4f9e-0b4a-4c8a-9a55-1f2e3d4c5b6a");
}

#[test]
fn in_lambdas_groups_the_first_embedded_object_is_read() {
    let rows = in_group("/aws/lambda/f", &[r#"INFO {odd} {"a":1} {"a":2,"b":3}"#]);
    assert_eq!(text(&run_over("fields a, b | display a, b", super::RANGE, &rows)), "a=1");
}
