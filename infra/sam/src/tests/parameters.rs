//! Parameters: what they are when nothing is given, when something is, and what they refuse.

use super::{given, load_with};

fn template(parameter: &str) -> String {
    format!(
        "
Parameters:
  P: {parameter}
Resources: {{}}
Outputs:
  It: {{Value: !Join ['|', [!Ref P]]}}
"
    )
}

fn check(parameter: &str, overrides: &[(&str, &str)], expected: &str) {
    let app = load_with(&template(parameter), &given(overrides)).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(app.outputs["It"], expected, "{parameter}");
}

fn check_error(parameter: &str, overrides: &[(&str, &str)], expected: &str) {
    let errors = load_with(&template(parameter), &given(overrides)).expect_err("errors").to_string();
    assert_eq!(errors, expected, "{parameter}");
}

#[test]
fn a_parameter_is_its_default_or_what_is_given() {
    check("{Type: String, Default: a}", &[], "a");
    check("{Type: String, Default: ''}", &[], "");
    check("{Type: String, Default: a}", &[("P", "b")], "b");
    check("{Type: Number, Default: 010}", &[], "010");
    check("{Type: AWS::EC2::VPC::Id}", &[("P", "vpc-1")], "vpc-1");
    check_error(
        "{Type: String}",
        &[],
        "template.yaml:3:3: the parameter `P` has no default: give it a value, `P=…`",
    );
}

#[test]
fn a_value_for_no_parameter_is_refused() {
    check_error(
        "{Type: String, Default: a}",
        &[("Q", "b")],
        "template.yaml:1:1: a value is given for `Q`, which is no parameter of this template",
    );
    let text = "Parameters: {StageName: {Type: String, Default: a}}\nResources: {}\n";
    assert_eq!(
        load_with(text, &given(&[("Stagename", "b")])).expect_err("errors").to_string(),
        "template.yaml:1:1: a value is given for `Stagename`, which is no parameter of this template; did you mean \
         `StageName`?"
    );
}

#[test]
fn constraints_are_kept() {
    let allowed = "{Type: String, Default: a, AllowedValues: [a, b]}";
    check(allowed, &[("P", "b")], "b");
    check_error(allowed, &[("P", "c")], "template.yaml:3:3: the parameter `P` must be one of a, b, not `c`");
    let pattern = "{Type: String, Default: a, AllowedPattern: '[a-z]+', ConstraintDescription: letters}";
    check(pattern, &[("P", "xyz")], "xyz");
    check_error(
        pattern,
        &[("P", "a1")],
        "template.yaml:3:3: the parameter `P` must match the pattern [a-z]+, not `a1` (letters)",
    );
    check_error(
        "{Type: Number, Default: many}",
        &[],
        "template.yaml:3:30: the parameter `P` must be a number, not `many`",
    );
    check_error(
        "{Type: Number, Default: 9, MinValue: 1, MaxValue: 5}",
        &[],
        "template.yaml:3:30: the parameter `P` must be a number of at least 1 and of at most 5, not `9`",
    );
    check_error(
        "{Type: String, Default: abc, MaxLength: 2}",
        &[],
        "template.yaml:3:30: the parameter `P` must have a length of at most 2, not `abc`",
    );
}

#[test]
fn a_secret_is_not_shown() {
    check_error(
        "{Type: String, Default: aaaa, NoEcho: true, MinLength: 4}",
        &[("P", "s")],
        "template.yaml:3:3: the parameter `P` must have a length of at least 4, not the value given",
    );
}

#[test]
fn a_parameter_of_an_unknown_type_or_with_an_unknown_member_is_refused() {
    check_error(
        "{Type: Sting, Default: a}",
        &[],
        "template.yaml:3:13: a parameter's type is String, Number, CommaDelimitedList, List<Number> or one of AWS's \
         own, not `Sting`; did you mean `String`?",
    );
    check_error(
        "{Type: String, Defualt: a, Default: b}",
        &[],
        "template.yaml:3:21: the parameter `P` has no member `Defualt`; did you mean `Default`?",
    );
}

#[test]
fn a_parameter_of_systems_manager_must_be_given_where_it_is_needed() {
    let text = "
Parameters:
  P: {Type: 'AWS::SSM::Parameter::Value<String>', Default: /a/b}
Resources:
  Log: {Type: AWS::Logs::LogGroup, Properties: {RetentionInDays: !Ref P}}
";
    let errors = load_with(text, &given(&[])).expect_err("errors").to_string();
    assert!(errors.contains("`P` is kept in Systems Manager"), "{errors}");
    assert!(load_with(text, &given(&[("P", "7")])).is_ok());
}
