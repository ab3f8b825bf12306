//! Saved queries of Logs Insights.

use super::{errors, load};

#[test]
fn saved_queries_have_a_name_a_text_and_groups() {
    let app = load(
        "
Resources:
  Log: {Type: AWS::Logs::LogGroup, Properties: {LogGroupName: !Sub '/${AWS::StackName}/log'}}
  Saved:
    Type: AWS::Logs::QueryDefinition
    Properties:
      Name: !Sub '${AWS::StackName}/saved'
      QueryString: 'fields @message | limit 1'
      LogGroupNames: [!Ref Log]
Outputs: {One: {Value: !Ref Saved}, Other: {Value: !GetAtt Saved.QueryDefinitionId}}
",
    );
    let [saved] = app.query_definitions.as_slice() else { panic!("one query") };
    assert_eq!((saved.logical_id.as_str(), saved.name.as_str()), ("Saved", "switchboard/saved"));
    assert_eq!(
        (saved.query.as_str(), saved.log_groups.as_slice()),
        ("fields @message | limit 1", ["/switchboard/log".to_owned()].as_slice())
    );
    assert_eq!((&app.outputs["One"], &app.outputs["Other"]), (&saved.id, &saved.id));
    assert_eq!(app.ignored, []);
}

#[test]
fn saved_queries_that_cannot_run_here_are_refused() {
    let found = errors(
        "
Resources:
  Saved:
    Type: AWS::Logs::QueryDefinition
    Properties: {Name: a, QueryLanguage: SQL, LogGroupName: g}
",
    );
    for part in ["QueryLanguage", "LogGroupNames", "QueryString"] {
        assert!(found.contains(part), "{part}: {found}");
    }
}
