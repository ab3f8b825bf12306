//! Scalar functions, each with the values that the functions page works out and its edges.

use super::value;

#[track_caller]
fn check(expression: &str, expected: &str) {
    let message =
        r#"{"n":-7.5,"text":"Hello, Wörld","empty":"","blank":"  ","list":"[1,\"a\",true]","zero":0}"#;
    assert_eq!(value(expression, message), expected, "{expression}");
}

#[test]
fn numbers() {
    check("abs(n)", "7.5");
    check("ceil(n)", "-7");
    check("floor(n)", "-8");
    check("greatest(1, 3, 2)", "3");
    check("least(1, n, 2)", "-7.5");
    check("greatest(1, text)", "-");
    check("log(1)", "0");
    check("log(0)", "-");
    check("round(2.5)", "3");
    check("round(-2.5)", "-3");
    check("round(3.14159, 2)", "3.14");
    check("round(1250, -2)", "1300");
    check("sqrt(16)", "4");
    check("sqrt(n)", "-");
    check("toNumber(\"12.50\")", "12.5");
    check("toNumber(text)", "-");
    check("toInt(\"12.9\")", "12");
    check("toInt(3000000000)", "-");
    check("toLong(3000000000)", "3000000000");
    check("toDouble(\"1e3\")", "1000");
    // Berlin to Paris.
    check("round(haversine(52.52, 13.405, 48.8566, 2.3522))", "877");
    check("abs(missing)", "-");
}

#[test]
fn operators() {
    check("2 ^ 3", "8");
    check("2 ^ 3 ^ 2", "512");
    check("10 % 3", "1");
    check("1 + 2 * 3", "7");
    check("(1 + 2) * 3", "9");
    check("10 - 2 - 3", "5");
    check("7 / 2", "3.5");
    check("1 / 0", "-");
    check("-n", "7.5");
    check("n + missing", "-");
    check("text + 1", "-");
    check("1 < 2 and not 2 < 1", "1");
    check("1 = 2 or 2 = 2", "1");
    check("not not 1 = 1", "1");
    check("1 = 1.0", "1");
    check("text = \"Hello, Wörld\"", "1");
    check("text like \"Hello\"", "1");
    check("text like /^hello/", "0");
    check("text like /(?i)^hello/", "1");
    check("text =~ /W.rld/", "1");
    check("text not like /x/", "1");
    check("zero in [0, 1]", "1");
    check("zero in [\"0\"]", "1");
    check("zero not in [1, 2]", "1");
}

#[test]
fn text_of_all_kinds() {
    check("isempty(empty)", "1");
    check("isempty(blank)", "0");
    check("isempty(missing)", "1");
    check("isblank(blank)", "1");
    check("isblank(missing)", "1");
    check("concat(\"a\", n, \"b\")", "a-7.5b");
    check("concat(\"a\", missing)", "-");
    check("ltrim(\"xyZxyfooxyZ\",\"xyZ\")", "fooxyZ");
    check("rtrim(\"xyZfooxyxyZ\",\"xyZ\")", "xyZfoo");
    check("trim(\"xyZxyfooxyxyZ\",\"xyZ\")", "foo");
    check("trim(\"  a b \")", "a b");
    check("trim(\" a \", \"a\")", " a ");
    check("strlen(text)", "12");
    check("messageSize(text)", "13");
    check("toupper(text)", "HELLO, WÖRLD");
    check("tolower(text)", "hello, wörld");
    check("substr(\"xyZfooxyZ\",3,3)", "foo");
    check("substr(\"xyZfooxyZ\",3)", "fooxyZ");
    check("substr(text, 8, 2)", "ör");
    check("substr(text, 99)", "");
    check("replace(text, \"l\", \"L\")", "HeLLo, WörLd");
    check("replace(text, \"\", \"L\")", "Hello, Wörld");
    check("regexReplace(text, \"[lo]+\", \"_\")", "He_, Wör_d");
    check("regexReplace(text, /(\\w+), (\\w+)/, \"$2 $1\")", "Wörld Hello");
    check("strcontains(text, \"hello\")", "0");
    check("strcontains(text, \"hello\", 1)", "1");
    check("startsWith(text, \"Hell\")", "1");
    check("endsWith(text, \"Hell\")", "0");
    check("urlencode(\"a b&c=ä\")", "a%20b%26c%3D%C3%A4");
    check("urldecode(\"a%20b+c%zz\")", "a b c%zz");
    check("base64encode(\"Hello\")", "SGVsbG8=");
    check("base64decode(\"SGVsbG8=\")", "Hello");
    check("base64decode(\"***\")", "-");
    check("split(\"a,b,c\", \",\")", r#"["a","b","c"]"#);
    check("hexToAscii(\"48656c6c6f\")", "Hello");
    check("hexToAscii(\"486\")", "-");
    check("hexToDec(\"0xff\")", "255");
    check("hexToDec(\"zz\")", "-");
    check("decToHex(255.9)", "0xff");
    check("decToHex(-255)", "-0xff");
    check("md5(\"hello\")", "5d41402abc4b2a76b9719d911017c592");
    check("sha256(\"\")", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check("unmask(text)", "Hello, Wörld");
}

#[test]
fn presence_and_choice() {
    check("ispresent(n)", "1");
    check("isPresent(missing)", "0");
    check("coalesce(missing, empty, n)", "");
    check("coalesce(missing, n)", "-7.5");
    check("if(n < 0, \"minus\", \"plus\")", "minus");
    check("case(n > 0, \"plus\", n = 0, \"zero\", \"minus\")", "minus");
    check("case(n > 0, \"plus\")", "-");
    check("isNumeric(n)", "1");
    check("isNumeric(text)", "0");
    check("isNumeric(missing)", "0");
}

#[test]
fn json_in_text() {
    check("jsonParse(@message).n", "-7.5");
    check("jsonParse(list)[1]", "a");
    check("jsonParse(list)[7]", "-");
    check("jsonParse(text)", "-");
    check("jsonStringify(jsonParse(list))", r#"[1,"a",true]"#);
    check("jsonStringify(text)", "-");
    check("jsonArraySize(list)", "3");
    check("jsonArraySize(@message)", "-");
    check("jsonArrayContains(list, \"a\")", "1");
    check("jsonArrayContains(list, \"A\")", "0");
    check("jsonArrayContains(list, 1)", "1");
    check("jsonArrayContains(text, \"a\")", "0");
    check("jsonArrayContains(missing, \"a\")", "0");
    // Maps and lists are nothing to the functions of text and numbers, and equal nothing.
    check("toupper(jsonParse(list))", "-");
    check("jsonParse(list) = jsonParse(list)", "0");
    check("ispresent(jsonParse(list))", "1");
}

#[test]
fn addresses() {
    check("isValidIp(\"10.0.0.1\")", "1");
    check("isValidIp(\"::1\")", "1");
    check("isValidIp(\"10.0.0.256\")", "0");
    check("isValidIpV4(\"::1\")", "0");
    check("isValidIpV6(\"::1\")", "1");
    check("isIpInSubnet(\"192.0.2.7\", \"192.0.2.0/24\")", "1");
    check("isIpInSubnet(\"2001:db8::5\", \"2001:db8::/32\")", "1");
    check("isIpv4InSubnet(\"192.0.3.7\", \"192.0.2.0/24\")", "0");
    check("isIpv4InSubnet(\"192.0.3.7\", \"0.0.0.0/0\")", "1");
    check("isIpv6InSubnet(\"192.0.2.7\", \"192.0.2.0/24\")", "0");
    check("isIpInSubnet(\"192.0.2.7\", \"192.0.2.0/99\")", "0");
    check("ipv4ToNumber(\"1.2.3.4\")", "16909060");
    check("isPrivateIP(\"172.31.0.1\")", "1");
    check("isPrivateIP(\"172.32.0.1\")", "0");
    check("isPublicIP(\"8.8.8.8\")", "1");
    check("isPublicIP(\"127.0.0.1\")", "0");
    check("isReservedIP(\"224.0.0.1\")", "1");
    check("isReservedIP(\"nonsense\")", "0");
}

#[test]
fn moments() {
    check("@timestamp", "2026-08-01 10:00:00.000");
    check("toMillis(@timestamp)", "1785578400000");
    check("fromMillis(0)", "1970-01-01 00:00:00.000");
    check("bin(1d)", "2026-08-01 00:00:00.000");
    check("datefloor(fromMillis(1785578461234), 1m)", "2026-08-01 10:01:00.000");
    check("dateceil(fromMillis(1785578461234), 1m)", "2026-08-01 10:02:00.000");
    check("dateceil(fromMillis(1785578460000), 1m)", "2026-08-01 10:01:00.000");
    check("now()", "1785582000");
    check("queryStartTime()", "1785578400000");
    check("queryEndTime()", "1785581999999");
    check("queryTimeRange()", "3599999");
    check("parseDate(\"2026-08-01\", \"yyyy-MM-dd\")", "1785542400000");
    check("parseDate(\"01/Aug/2026:10:00:00 +0200\", \"dd/MMM/yyyy:HH:mm:ss Z\")", "1785571200000");
    check("parseDate(\"2026-08-01T10:00:00.25Z\", \"yyyy-MM-dd'T'HH:mm:ss.SSX\")", "1785578400250");
    check("parseDate(\"20260801 3:05 PM\", \"yyyyMMdd h:mm a\")", "1785596700000");
    check("parseDate(\"2026-08-01 12:00\", \"yyyy-MM-dd HH:mm\", \"Europe/Berlin\")", "1785578400000");
    check("parseDate(\"2026-13-01\", \"yyyy-MM-dd\")", "-");
    check("formatDate(@timestamp, \"%Y-%m-%d %H\")", "2026-08-01 10");
    check("strftime(@timestamp, \"%H:%M\", \"Europe/Berlin\")", "12:00");
    check("strftime(@timestamp, \"%H:%M\", \"Nowhere/At_All\")", "-");
}

#[test]
fn periods_are_capped_by_their_units_and_follow_the_calendar() {
    let at = "fromMillis(1785578461234)";
    check(&format!("datefloor({at}, 300s)"), "2026-08-01 10:01:00.000");
    check(&format!("datefloor({at}, 500ms)"), "2026-08-01 10:01:01.000");
    check(&format!("datefloor({at}, 90m)"), "2026-08-01 10:00:00.000");
    check(&format!("datefloor({at}, 2hrs)"), "2026-08-01 10:00:00.000");
    check(&format!("datefloor({at}, 36h)"), "2026-08-01 00:00:00.000");
    check(&format!("datefloor({at}, 1w)"), "2026-07-27 00:00:00.000");
    check(&format!("dateceil({at}, 1mo)"), "2026-09-01 00:00:00.000");
    check(&format!("datefloor({at}, 1q)"), "2026-07-01 00:00:00.000");
    check(&format!("datefloor({at}, 1year)"), "2026-01-01 00:00:00.000");
}
