//! Values of Systems Manager's Parameter Store.

use super::{Settings, load_with};

/// The variable's value with a store that has `/a` and `/b/c`.
#[track_caller]
fn check(value: &str, expected: Result<&str, &str>) {
    let template = format!(
        "
Parameters:
  Kept: {{Type: AWS::SSM::Parameter::Value<String>, Default: /a}}
  Name: {{Type: String, Default: /b/c}}
  Other: {{Type: AWS::SSM::Parameter::Value<String>, Default: /none}}
Resources:
  F:
    Type: AWS::Lambda::Function
    Properties:
      Handler: bootstrap
      Code: {{ZipFile: x}}
      Environment: {{Variables: {{V: {value}}}}}
"
    );
    let store = [("/a", "1"), ("/b/c", "two")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let settings = Settings { ssm: store.into(), ..Settings::default() };
    let seen = load_with(&template, &settings).map(|app| app.functions["F"].environment["V"].clone());
    assert_eq!(seen.map_err(|errors| errors.to_string()), expected.map(str::to_owned).map_err(str::to_owned));
}

#[test]
fn a_reference_is_what_the_store_has() {
    check("'{{resolve:ssm:/a}}'", Ok("1"));
    check("'{{resolve:ssm:/b/c:12}}'", Ok("two"));
    check("'x-{{resolve:ssm:/a}}-{{resolve:ssm:/b/c}}-y'", Ok("x-1-two-y"));
    check("!Sub '{{resolve:ssm:${Name}:7}}'", Ok("two"));
    check("'{{resolve:ssm:/a'", Ok("{{resolve:ssm:/a"));
    check("'{{resolve:secretsmanager:key}}'", Ok("{{resolve:secretsmanager:key}}"));
    check("!Ref Kept", Ok("1"));
}

#[test]
fn what_the_store_does_not_have_is_named() {
    check(
        "'{{resolve:ssm:/none:3}}'",
        Err(
            "template.yaml:12:36: `F` (AWS::Lambda::Function): `V` cannot be known: the parameter `/none` is kept in Systems \
             Manager, which is not run locally: give it a value, `--ssm /none=…`",
        ),
    );
    check(
        "!Ref Other",
        Err(
            "template.yaml:12:36: `F` (AWS::Lambda::Function): `V` cannot be known: the parameter `Other` is kept in Systems \
             Manager, which is not run locally: give it a value, `Other=…`, or `--ssm /none=…`",
        ),
    );
}
