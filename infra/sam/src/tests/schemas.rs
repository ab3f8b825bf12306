//! Variables that have a schema.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::Settings;

/// A folder with the schemas, which is written once for all tests of this process.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let folder = std::env::temp_dir().join(format!("switchboard-schemas-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for (name, text) in [
            ("good.json", r#"{"type":"object","properties":{"n":{"type":"integer"}}}"#),
            ("text.json", "?"),
            ("bad.json", r#"{"type":"thing"}"#),
        ] {
            std::fs::write(folder.join(name), text).unwrap();
        }
        folder
    })
}

/// What is wrong with a template whose variable V has a schema, under this name, and a value.
#[track_caller]
fn check(schema: &str, value: &str, expected: &str) {
    let folder = folder();
    let template = format!(
        "
Metadata: {{Switchboard: {{EnvironmentSchemas: {{V: {schema}}}}}}}
Globals: {{Function: {{Environment: {{Variables: {{V: {value}}}}}}}}}
Transform: AWS::Serverless-2016-10-31
Resources:
  F: {{Type: AWS::Serverless::Function, Properties: {{Handler: x, CodeUri: .}}}}
  G: {{Type: AWS::Serverless::Function, Properties: {{Handler: x, CodeUri: .}}}}
"
    );
    let read = crate::read(&template, Path::new("template.yaml"), folder, &Settings::default());
    let seen = read.err().map(|errors| errors.to_string()).unwrap_or_default();
    assert_eq!(seen.replace(&folder.display().to_string(), "FOLDER"), expected);
}

#[test]
fn a_value_fits_or_is_told_where_it_does_not() {
    check("good.json", r#"'{"n":1}'"#, "");
    check("good.json", "''", "");
    check(
        "good.json",
        r#"'{"n":"x"}'"#,
        r#"template.yaml:3:48: the variable V does not fit good.json at /n: "x" is not of type "integer""#,
    );
    check(
        "good.json",
        "'{'",
        "template.yaml:3:48: the variable V is not JSON: EOF while parsing an object at line 1 column 1",
    );
}

#[test]
fn a_schema_that_is_none_is_named() {
    let is = |fault: &str| format!("template.yaml:2:50: the schema of the variable V {fault}");
    check("none.json", "''", &is("cannot be read from FOLDER/none.json: there is no such file"));
    check("text.json", "''", &is("in text.json is not JSON: expected value at line 1 column 1"));
    check("[]", "''", &is("must be the name of a file"));
    let words = r#"in bad.json is not one: "thing" is not valid under any of the schemas listed in the 'anyOf' keyword"#;
    check("bad.json", "''", &is(words));
}
