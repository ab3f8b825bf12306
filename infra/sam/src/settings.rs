//! What a deployment decides and a template does not: stack, region, account, parameters.

use std::collections::BTreeMap;

use crate::identity::stable_id;

/// What the stack is called, where it is, and the values of its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// `AWS::StackName`; names of resources without one of their own start with it.
    pub stack_name: String,
    /// `AWS::Region`.
    pub region: String,
    /// `AWS::AccountId`, twelve digits.
    pub account_id: String,
    /// Parameter values by name; they win over the template's defaults.
    pub parameters: BTreeMap<String, String>,
    /// Values of Systems Manager's Parameter Store by name, such as `/switchboard/namespaces`.
    pub ssm: BTreeMap<String, String>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            stack_name: "switchboard".to_owned(),
            region: "us-east-1".to_owned(),
            account_id: "123456789012".to_owned(),
            parameters: BTreeMap::new(),
            ssm: BTreeMap::new(),
        }
    }
}

impl Settings {
    /// `AWS::Partition` of the region: the second part of its ARNs.
    #[must_use]
    pub fn partition(&self) -> &'static str {
        if self.region.starts_with("cn-") {
            "aws-cn"
        } else if self.region.starts_with("us-gov-") {
            "aws-us-gov"
        } else {
            "aws"
        }
    }

    pub(crate) fn url_suffix(&self) -> &'static str {
        if self.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
    }

    pub(crate) fn stack_id(&self) -> String {
        let Self { stack_name, region, account_id, .. } = self;
        let partition = self.partition();
        let id = stable_id(&[stack_name], 32);
        format!("arn:{partition}:cloudformation:{region}:{account_id}:stack/{stack_name}/{id}")
    }
}
