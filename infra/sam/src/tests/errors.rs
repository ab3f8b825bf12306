//! Errors that take more than one resource, and how several are reported.

use super::errors;

#[test]
fn several_errors_come_together_in_order() {
    let text = "
Resources:
  Chat:
    Type: AWS::Lambda::Function
    Properties:
      Code: ./chat
      Role: !GetAtt Rol.Arn
      Timeout: soon
      MemmorySize: 256
      Environment: {Variables: {TABLE: !Ref Tabel}}
  Table: {Type: AWS::DynamoDB::Table, Properties: {BillingMode: PAY_PER_REQUEST}}
  Role: {Type: AWS::IAM::Role, DependsOn: Tabel}
";
    insta::assert_snapshot!(errors(text), @r"
    template.yaml:7:13: `Rol` is neither a parameter nor a resource of this template; did you mean `Role`?
    template.yaml:8:16: `Chat` (AWS::Lambda::Function): `Timeout` must be a whole number from 1 to 900, not `soon`
    template.yaml:9:7: `Chat` (AWS::Lambda::Function) has no `MemmorySize`; did you mean `MemorySize`?
    template.yaml:10:40: `Tabel` is neither a parameter nor a resource of this template; did you mean `Table`?
    template.yaml:11:3: `Table` (AWS::DynamoDB::Table) must have `AttributeDefinitions`, which is missing
    template.yaml:11:3: `Table` (AWS::DynamoDB::Table) must have `KeySchema`, which is missing
    template.yaml:12:43: `Role` depends on `Tabel`, which is no resource of this template; did you mean `Table`?
    ");
}

#[test]
fn resources_that_need_one_another_are_shown_as_a_circle() {
    let text = "
Resources:
  A: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: !Sub '${B}-a'}}
  B: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: !Ref C}}
  C: {Type: AWS::Logs::LogGroup, DependsOn: A}
";
    assert_eq!(errors(text), "template.yaml:5:45: these resources need one another: A -> B -> C -> A");
    let itself = "Resources:\n  A: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: !Ref A}}\n";
    assert_eq!(errors(itself), "template.yaml:2:61: these resources need one another: A -> A");
}

#[test]
fn conditions_that_ask_for_themselves_are_named() {
    let text = "
Conditions:
  A: !Not [!Condition B]
  B: !And [!Condition A, !Condition A]
Resources: {}
";
    let errors = errors(text);
    assert!(errors.contains("the condition `A` asks for itself: A -> B -> A"), "{errors}");
}

#[test]
fn a_resource_that_is_not_created_cannot_be_referred_to() {
    let text = "
Conditions:
  Never: !Equals [a, b]
Resources:
  A: {Type: AWS::Logs::LogGroup, Condition: Never}
  B: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: !If [Never, !Ref A, b]}}
  C: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: !Ref A}}
";
    assert_eq!(
        errors(text),
        "template.yaml:7:61: `A` is not created, because its condition `Never` is false under these parameters"
    );
}

#[test]
fn what_is_no_condition_is_refused() {
    let text = "
Conditions:
  A: yes
  B: !Equals [a]
  C: !Equals [a, [b]]
Resources:
  L: {Type: AWS::Logs::LogGroup, Condition: D}
";
    insta::assert_snapshot!(errors(text), @r"
    template.yaml:3:6: a condition is one of `!Equals`, `!And`, `!Or`, `!Not`, `!Condition`, not `yes`
    template.yaml:4:6: `!Equals` takes two values: `!Equals [!Ref Stage, prod]`
    template.yaml:5:18: `!Equals` compares texts, not a list
    template.yaml:7:45: there is no condition `D` under `Conditions`
    ");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let missing = std::path::Path::new("no/such/template.yaml");
    let errors = crate::load(missing, &crate::Settings::default()).expect_err("errors");
    assert_eq!(
        errors.to_string(),
        "no/such/template.yaml:1:1: the template cannot be read: there is no such file"
    );
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let errors = crate::load(folder, &crate::Settings::default()).expect_err("errors");
    assert!(errors.to_string().ends_with("the template cannot be read: it is a folder"), "{errors}");
}

#[test]
fn globals_are_checked() {
    let text = "
Transform: AWS::Serverless-2016-10-31
Globals:
  Functions: {Timeout: 3}
  Function: {FunctionName: a}
Resources: {}
";
    insta::assert_snapshot!(errors(text), @r"
    template.yaml:4:3: `Globals` has no section `Functions`; did you mean `Function`?
    template.yaml:5:14: `FunctionName` belongs to one function and cannot be global
    ");
}
