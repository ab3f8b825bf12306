//! `Rules`: combinations of parameters that a template refuses.

use super::{given, load_with};

const TEMPLATE: &str = "
Parameters:
  Stage: {Type: String, Default: dev}
  Domain: {Type: String, Default: ''}
  Certificate: {Type: String, Default: ''}
  Names: {Type: CommaDelimitedList, Default: 'a,b'}
  Subnets: {Type: List<AWS::EC2::Subnet::Id>, Default: subnet-1}
Rules:
  DomainNeedsCertificate:
    RuleCondition: !Not [!Equals [!Ref Domain, '']]
    Assertions:
      - Assert: !Not [!Equals [!Ref Certificate, '']]
        AssertDescription: A domain needs a certificate.
  Stages:
    Assertions:
      - Assert: {Fn::Contains: [[dev, prod], !Ref Stage]}
        AssertDescription: The stage is dev or prod.
      - Assert: {Fn::Or: [!Equals [!Ref Stage, dev], Fn::EachMemberIn: [!Ref Names, [a, b]]]}
  Network:
    Assertions:
      - Assert: {Fn::EachMemberEquals: [{Fn::ValueOf: [Subnets, VpcId]}, vpc-1]}
        AssertDescription: Only AWS can say.
Resources:
  Log: {Type: AWS::Logs::LogGroup}
";

fn check(parameters: &[(&str, &str)], expected: &str) {
    let found =
        load_with(TEMPLATE, &given(parameters)).map_or_else(|errors| errors.to_string(), |_| String::new());
    assert_eq!(found.trim_end(), expected, "{parameters:?}");
}

#[test]
fn an_assertion_that_does_not_hold_is_reported_in_its_own_words() {
    check(&[], "");
    check(&[("Domain", "chat.example"), ("Certificate", "arn")], "");
    check(&[("Domain", "chat.example")], "template.yaml:12:17: A domain needs a certificate.");
    check(&[("Stage", "test")], "template.yaml:16:17: The stage is dev or prod.");
    check(
        &[("Stage", "prod"), ("Names", "a,c")],
        "template.yaml:18:17: an assertion of the rule `Stages` does not hold",
    );
}

#[test]
fn what_is_no_rule_is_an_error() {
    let check = |rule: &str, expected: &str| {
        let text = format!("Rules: {{It: {rule}}}\nResources: {{Log: {{Type: AWS::Logs::LogGroup}}}}");
        assert!(super::errors(&text).contains(expected), "{}", super::errors(&text));
    };
    check("{}", "the rule `It` has no list of `Assertions`");
    check("{Assertions: [{}]}", "an assertion of the rule `It` has no `Assert`");
    check("{Assertions: [{Assert: yes}]}", "a rule is one of `!Equals`");
    check("{Assertions: [{Assert: !Condition A}]}", "a rule is one of `!Equals`");
}
