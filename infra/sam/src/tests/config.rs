//! `samconfig.toml` in, parameter values or errors out.

use std::fs;

use crate::config::parameter_overrides;

/// What an environment of the text gives, or the error without the file's name.
fn overrides(test: &str, text: &str, environment: &str) -> Result<String, String> {
    let folder = std::env::temp_dir().join(format!("switchboard-samconfig-{}-{test}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("samconfig.toml");
    fs::write(&file, text).unwrap();
    let result = parameter_overrides(&file, environment);
    fs::remove_dir_all(&folder).unwrap();
    match result {
        Ok(overrides) => {
            let pairs = overrides.iter().map(|(name, value)| format!("{name}={value}"));
            Ok(pairs.collect::<Vec<_>>().join("|"))
        }
        Err(error) => Err(error.to_string().replace(&*file.display().to_string(), "samconfig.toml")),
    }
}

fn check(test: &str, value: &str, expected: Result<&str, &str>) {
    let text = format!("version = 0.1\n[dev.deploy.parameters]\nparameter_overrides = {value}\n");
    let expected = expected.map(str::to_owned).map_err(|problem| {
        format!("samconfig.toml: the parameter_overrides of the environment `dev` {problem}")
    });
    assert_eq!(overrides(test, &text, "dev"), expected, "{value}");
}

#[test]
fn overrides_are_a_text_a_list_or_a_table() {
    check("text", r#"'A=b C="d e"  F='"#, Ok("A=b|C=d e|F="));
    check("quoted", r#"'J="{\"a\":{}}" K=x\ y'"#, Ok(r#"J={"a":{}}|K=x y"#));
    check("list", r#"["A=b", 'C="d e"']"#, Ok("A=b|C=d e"));
    check("old", r#""ParameterKey=A,ParameterValue=b ParameterKey=C,ParameterValue=d""#, Ok("A=b|C=d"));
    check("table", r#"{ A = "b", N = 7, T = true }"#, Ok("A=b|N=7|T=true"));
}

#[test]
fn overrides_that_are_none_are_refused() {
    check("word", r#""A""#, Err("must be Key=Value, and `A` is not"));
    check("open", r#"'A="b'"#, Err(r#"have a quote that is not closed: A="b"#));
    check("number", "7", Err("must be a text, a list of texts, or a table"));
    check("numbers", "[7]", Err("are a list, and not every item of it is a text"));
    check(
        "bare",
        r#"'J={"a":{}}'"#,
        Err(r#"have a quote inside a value, which must then be quoted whole: J={"a":{}}"#),
    );
}

#[test]
fn deploy_goes_before_global() {
    let text = "[dev.global.parameters]\nparameter_overrides = 'A=global'\n";
    assert_eq!(overrides("global", text, "dev"), Ok("A=global".to_owned()));
    let both = format!("{text}[dev.deploy.parameters]\nparameter_overrides = 'A=deploy'\n");
    assert_eq!(overrides("both", &both, "dev"), Ok("A=deploy".to_owned()));
    assert_eq!(overrides("none", "[dev.build.parameters]\ncached = true\n", "dev"), Ok(String::new()));
}

#[test]
fn a_missing_environment_is_named_and_a_missing_file_is_none() {
    let text = "version = 0.1\n[local.deploy.parameters]\n[prod.deploy.parameters]\n";
    let error = |environment: &str| overrides(environment, text, environment).unwrap_err();
    assert_eq!(error("locl"), "samconfig.toml: it has no environment `locl`; did you mean `local`?");
    assert_eq!(error("staging"), "samconfig.toml: it has no environment `staging`; it has local, prod");
    let none = parameter_overrides(std::path::Path::new("/nowhere/samconfig.toml"), "local");
    assert!(none.unwrap().is_empty());
}

#[test]
fn what_is_not_toml_is_named_with_its_place() {
    let error = overrides("toml", "version = 0.1\n[dev\n", "dev").unwrap_err();
    assert!(error.starts_with("samconfig.toml:2:5: this is not TOML: "), "{error}");
}
