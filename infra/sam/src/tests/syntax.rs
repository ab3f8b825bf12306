//! What is not YAML, not a template, or reads like one and is not: never a panic, always a place.

use proptest::prelude::*;

use super::{errors, given, load_with};
use crate::Settings;

fn check(text: &str, expected: &str) {
    assert_eq!(errors(text), expected, "{text}");
}

#[test]
fn an_empty_template_is_said_to_be_empty() {
    check("", "template.yaml:1:1: the template is empty");
    check("# only a comment\n", "template.yaml:1:1: the template is empty");
}

#[test]
fn a_template_is_one_map_with_resources() {
    check("- a\n", "template.yaml:1:1: a template must be a map of names to values, not a list");
    check("Description: x\n", "template.yaml:1:1: a template must have `Resources`, and this one has none");
    check(
        "Resources: {}\n---\nResources: {}\n",
        "template.yaml:2:1: a template is one YAML document, and here a second one starts",
    );
    check(
        "Resouces: {}\nResources: {}\n",
        "template.yaml:1:1: a template has no section `Resouces`; did you mean `Resources`?",
    );
}

#[test]
fn a_tab_is_named() {
    check(
        "Resources:\n\tA:\n\t\tType: AWS::IAM::Role\n",
        "template.yaml:2:1: this line is indented with a tab; YAML wants spaces",
    );
}

#[test]
fn every_duplicate_key_is_named_with_the_first_one() {
    check(
        "Resources:\n  A: {Type: AWS::IAM::Role}\n  A: {Type: AWS::IAM::Role}\n  'A': {Type: AWS::IAM::Role}\n",
        "template.yaml:3:3: `A` is there twice: first in line 2\n\
         template.yaml:4:3: `A` is there twice: first in line 2",
    );
}

#[test]
fn a_resource_has_a_name_a_type_and_known_members() {
    check("Resources:\n  A: {}\n", "template.yaml:2:3: the resource `A` has no `Type`");
    check(
        "Resources:\n  A:\n",
        "template.yaml:2:3: the resource `A` must be a map of names to values, not nothing",
    );
    check(
        "Resources:\n  A-b: {Type: AWS::IAM::Role}\n",
        "template.yaml:2:3: a resource's name is made of letters and digits only, and `A-b` is not",
    );
    check(
        "Resources:\n  A:\n    Type: AWS::IAM::Role\n    Propertis: {}\n",
        "template.yaml:4:5: the resource `A` has no member `Propertis`; did you mean `Properties`?",
    );
    check(
        "Resources:\n  A:\n    Type: AWS::Logs::LogGroup\n    RetentionInDays: 7\n",
        "template.yaml:4:5: the resource `A` has no member `RetentionInDays`; does it belong under its `Properties`?",
    );
    check(
        "Resources:\n  A: {Type: AWS::Serverless::Function, Properties: {CodeUri: .}}\n",
        "template.yaml:2:13: AWS::Serverless::Function needs the line `Transform: AWS::Serverless-2016-10-31` at \
         the top of the template",
    );
}

#[test]
fn an_empty_value_is_named() {
    check(
        "Resources:\n  A:\n    Type: AWS::Logs::LogGroup\n    Properties:\n      LogGroupName:\n      RetentionInDays: 7\n",
        "template.yaml:5:7: `A` (AWS::Logs::LogGroup): `LogGroupName` must be a text, not nothing",
    );
}

#[test]
fn a_function_in_long_form_stands_alone() {
    check(
        "Resources:\n  A:\n    Type: AWS::Logs::LogGroup\n    Properties:\n      LogGroupName: {Ref: AWS::StackName, b: c}\n",
        "template.yaml:5:21: `A` (AWS::Logs::LogGroup): `LogGroupName` must be a text, not a map\n\
         template.yaml:5:22: `Ref` must be the only member of its map",
    );
}

#[test]
fn aliases_are_copied_within_reason() {
    let text = "Resources:\n  A: &a {Type: AWS::Logs::LogGroup}\n  B: *a\n";
    assert_eq!(super::load(text).log_groups.len(), 2);
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_owned();
    for level in 1..10 {
        let inner = vec![format!("*a{}", level - 1); 10].join(",");
        bomb.push_str(&format!("a{level}: &a{level} [{inner}]\n"));
    }
    assert!(errors(&bomb).contains("this alias unfolds into too large a tree"));
    assert!(errors("a: &a [*a]\n").contains("inside the very value"));
}

#[test]
fn deep_nesting_is_refused_and_not_followed() {
    let expected = "nests deeper than 100 levels";
    assert!(errors(&"- ".repeat(50_000)).contains(expected));
    assert!(errors(&"[".repeat(200)).contains(expected));
    assert!(
        errors(&(0..200).map(|i| format!("{}a:\n", " ".repeat(i))).collect::<String>()).contains(expected)
    );
}

/// Words of which a template is made, to get further than random text does.
fn words() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "Resources:\n",
        "  A:\n",
        "    Type: ",
        "AWS::ApiGatewayV2::Api\n",
        "AWS::Lambda::Function\n",
        "AWS::DynamoDB::Table\n",
        "AWS::Serverless::WebSocketApi\n",
        "AWS::ApiGatewayV2::Route\n",
        "    Properties:\n",
        "      ",
        "ApiId: ",
        "!Ref A\n",
        "!Sub '${A.Arn}${'\n",
        "!If [C, !GetAtt A.B, x]\n",
        "Conditions:\n",
        "  C: ",
        "!Not [!Condition C]\n",
        "!Equals [a, !Ref P]\n",
        "Parameters:\n",
        "  P: ",
        "{Type: Number}\n",
        "{Default: x, Type: String, AllowedPattern: '('}\n",
        "Routes: {$connect: {}}\n",
        "Transform: AWS::Serverless-2016-10-31\n",
        "Globals: {Function: !Ref A}\n",
        "FunctionName: !Ref A\n",
        "Outputs: {O: {Value: !Select [9, [a]]}}\n",
        "DependsOn: A\n",
        "{",
        "[",
        "- ",
        "*a ",
        "&a ",
        "!",
        "\t",
        "KeySchema: [{}]\n",
        "StageName: é\n",
        "Events: {E: {}}\n",
        "Format: \"\\n\"\n",
    ]);
    prop::collection::vec(words, 0..40).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,200}") {
        let _ = load_with(&text, &Settings::default());
    }

    #[test]
    fn no_template_makes_it_panic(text in words()) {
        let _ = load_with(&text, &given(&[("P", "7")]));
    }
}
