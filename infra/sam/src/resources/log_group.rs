//! `AWS::Logs::LogGroup`.

use super::Created;
use crate::app::LogGroup;
use crate::identity::physical_name;
use crate::scope::Scope;

const MEMBERS: [&str; 8] = [
    "DataProtectionPolicy",
    "DeletionProtectionEnabled",
    "FieldIndexPolicies",
    "KmsKeyId",
    "LogGroupClass",
    "LogGroupName",
    "RetentionInDays",
    "Tags",
];

pub(super) fn read(created: &[Created<'_>], scope: &Scope<'_>) -> Vec<LogGroup> {
    let groups = created.iter().filter(|created| created.resource.kind == "AWS::Logs::LogGroup");
    let read = |created: &Created<'_>| {
        let properties = created.properties(scope);
        properties.check_names(&MEMBERS);
        LogGroup {
            logical_id: created.resource.id.clone(),
            name: physical_name(scope, created.resource),
            retention_days: properties.number("RetentionInDays", 1..=3653),
        }
    };
    groups.map(read).collect()
}
