//! `AWS::Logs::QueryDefinition`.

use super::Created;
use crate::app::QueryDefinition;
use crate::identity::physical_name;
use crate::properties::Properties;
use crate::scope::Scope;

const MEMBERS: [&str; 5] = ["LogGroupNames", "Name", "Parameters", "QueryLanguage", "QueryString"];

pub(super) fn read(created: &[Created<'_>], scope: &Scope<'_>) -> Vec<QueryDefinition> {
    let definitions = created.iter().filter(|created| created.resource.kind == "AWS::Logs::QueryDefinition");
    let read = |created: &Created<'_>| {
        let properties = created.properties(scope);
        properties.check_names(&MEMBERS);
        check_language(&properties);
        QueryDefinition {
            logical_id: created.resource.id.clone(),
            id: physical_name(scope, created.resource),
            name: properties.required_text("Name"),
            query: properties.required_text("QueryString"),
            log_groups: properties.texts("LogGroupNames"),
        }
    };
    definitions.map(read).collect()
}

/// Queries of the other languages cannot be run here, and would look as if they could.
fn check_language(properties: &Properties<'_>) {
    let _ = properties.one_of("QueryLanguage", &["CWLI"]);
    if properties.has("Parameters") {
        properties.report(properties.at(), "`Parameters` of a saved query are not run here");
    }
}
