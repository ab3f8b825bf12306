//! `Rules`: what the parameters must be together, which CloudFormation checks before it makes anything.

use crate::scope::Scope;
use crate::template::map;
use crate::value::{Data, Value};
use crate::yaml::{self, Entry, Node};

/// These ask AWS about the account's own resources, such as the VPC that a parameter names.
const ASK_AWS: [&str; 3] = ["RefAll", "ValueOf", "ValueOfAll"];

impl Scope<'_> {
    /// Reports every assertion that does not hold, in the words of its `AssertDescription`.
    pub(crate) fn check_rules(&self) {
        for rule in &self.template.rules {
            let what = format!("the rule `{}`", rule.key);
            let Some(members) = map(&rule.value, &what, self.problems) else { continue };
            let applies = match member(members, "RuleCondition") {
                Some(condition) => self.rule(condition) == Some(true),
                None => true,
            };
            match member(members, "Assertions").map(|assertions| &assertions.data) {
                Some(yaml::Data::Seq(assertions)) if applies => {
                    assertions.iter().for_each(|assertion| self.check_assertion(&rule.key, assertion));
                }
                Some(yaml::Data::Seq(_)) => {}
                _ => self.problems.report(rule.at, format!("{what} has no list of `Assertions`")),
            }
        }
    }

    fn check_assertion(&self, rule: &str, assertion: &Node) {
        let what = format!("an assertion of the rule `{rule}`");
        let Some(members) = map(assertion, &what, self.problems) else { return };
        let Some(assert) = member(members, "Assert") else {
            return self.problems.report(assertion.at, format!("{what} has no `Assert`"));
        };
        if self.rule(assert) == Some(false) {
            let described = member(members, "AssertDescription").and_then(Node::as_text);
            let said = described.map_or_else(|| format!("{what} does not hold"), str::to_owned);
            self.problems.report(assert.at, said);
        }
    }

    /// Whether it holds; `None` when that cannot be said here, or when it is reported.
    fn rule(&self, node: &Node) -> Option<bool> {
        if asks_aws(node) {
            return None;
        }
        let yaml::Data::Call(call) = &node.data else { return self.no_rule(node) };
        let args = &*call.args;
        match call.name.as_str() {
            "Equals" => self.equal(args),
            "Not" => {
                let [inner] = self.arguments(args, "`!Not` takes a list of one condition")?;
                self.rule(inner).map(|holds| !holds)
            }
            "And" => Some(self.rules(args)?.into_iter().all(|holds| holds)),
            "Or" => Some(self.rules(args)?.into_iter().any(|holds| holds)),
            "Contains" => {
                let [list, value] =
                    self.arguments(args, "`Fn::Contains` takes a list of texts and a text")?;
                Some(self.texts(list)?.contains(self.texts(value)?.first()?))
            }
            "EachMemberEquals" => {
                let [list, value] =
                    self.arguments(args, "`Fn::EachMemberEquals` takes a list of texts and a text")?;
                let value = self.texts(value)?.into_iter().next()?;
                Some(self.texts(list)?.iter().all(|text| *text == value))
            }
            "EachMemberIn" => {
                let [list, within] = self.arguments(args, "`Fn::EachMemberIn` takes two lists of texts")?;
                let within = self.texts(within)?;
                Some(self.texts(list)?.iter().all(|text| within.contains(text)))
            }
            _ => self.no_rule(node),
        }
    }

    fn rules(&self, args: &Node) -> Option<Vec<bool>> {
        match &args.data {
            yaml::Data::Seq(items) => items.iter().map(|item| self.rule(item)).collect(),
            _ => self.no_rule(args).map(|holds| vec![holds]),
        }
    }

    fn no_rule(&self, node: &Node) -> Option<bool> {
        let message = format!(
            "a rule is one of `!Equals`, `!And`, `!Or`, `!Not`, `Fn::Contains`, `Fn::EachMemberEquals`, \
             `Fn::EachMemberIn`, not {}",
            node.describe()
        );
        self.problems.report(node.at, message);
        None
    }

    /// A list of texts, or one text as a list.
    fn texts(&self, node: &Node) -> Option<Vec<String>> {
        fn text(value: &Value) -> Option<String> {
            if let Data::Text(scalar) = &value.data { Some(scalar.text.clone()) } else { None }
        }
        let value = self.evaluate(node, true);
        match &value.data {
            Data::Seq(items) => items.iter().map(text).collect(),
            _ => Some(vec![text(&value)?]),
        }
    }
}

fn member<'a>(members: &'a [Entry], name: &str) -> Option<&'a Node> {
    members.iter().find(|member| member.key == name).map(|member| &member.value)
}

fn asks_aws(node: &Node) -> bool {
    match &node.data {
        yaml::Data::Call(call) => ASK_AWS.contains(&call.name.as_str()) || asks_aws(&call.args),
        yaml::Data::Seq(items) => items.iter().any(asks_aws),
        yaml::Data::Map(entries) => entries.iter().any(|entry| asks_aws(&entry.value)),
        yaml::Data::Scalar(_) => false,
    }
}
