//! `Conditions`: decided once each, when first asked for.

use crate::error::{Position, did_you_mean};
use crate::scope::Scope;
use crate::value::Data;
use crate::yaml::{self, Node};

impl Scope<'_> {
    /// Whether the named condition holds; `None` when that cannot be said, which is reported.
    pub(crate) fn condition(&self, name: &str, at: Position) -> Option<bool> {
        if let Some(decided) = self.decided.borrow().get(name) {
            return *decided;
        }
        let Some(entry) = self.template.conditions.iter().find(|entry| entry.key == name) else {
            let names = self.template.conditions.iter().map(|entry| entry.key.as_str());
            let hint = did_you_mean(name, names);
            self.problems.report(at, format!("there is no condition `{name}` under `Conditions`{hint}"));
            return None;
        };
        // While it is being decided it stands as undecided: one that asks for itself ends here.
        self.decided.borrow_mut().insert(name.to_owned(), None);
        let holds = self.decide(&entry.value, &mut vec![name.to_owned()]);
        self.decided.borrow_mut().insert(name.to_owned(), holds);
        holds
    }

    /// Decides every condition, used or not, so that each one's errors are known.
    pub(crate) fn check_conditions(&self) {
        for entry in &self.template.conditions {
            self.condition(&entry.key, entry.at);
        }
    }

    fn decide(&self, node: &Node, asking: &mut Vec<String>) -> Option<bool> {
        let (name, args) = match &node.data {
            yaml::Data::Call(call) => (call.name.as_str(), &*call.args),
            // The long form of `!Condition` has no `Fn::`.
            yaml::Data::Map(entries) => match entries.as_slice() {
                [entry] if entry.key == "Condition" => ("Condition", &entry.value),
                _ => ("", node),
            },
            yaml::Data::Scalar(_) | yaml::Data::Seq(_) => ("", node),
        };
        match name {
            "Condition" => self.ask(args, asking),
            "Equals" => self.equal(args),
            "Not" => {
                let shape = "`!Not` takes a list of one condition: `!Not [!Equals [a, b]]`";
                let [inner] = self.arguments(args, shape)?;
                self.decide(inner, asking).map(|holds| !holds)
            }
            "And" => self.all(args, asking).map(|all| all.iter().all(|holds| *holds)),
            "Or" => self.all(args, asking).map(|all| all.iter().any(|holds| *holds)),
            _ => {
                let message = format!(
                    "a condition is one of `!Equals`, `!And`, `!Or`, `!Not`, `!Condition`, not {}",
                    node.describe()
                );
                self.problems.report(node.at, message);
                None
            }
        }
    }

    fn ask(&self, args: &Node, asking: &mut Vec<String>) -> Option<bool> {
        let Some(name) = args.as_text() else {
            let message = format!("`!Condition` takes a condition's name, not {}", args.describe());
            self.problems.report(args.at, message);
            return None;
        };
        let being_decided = |asking: &[String]| asking.iter().any(|asked| asked == name);
        if being_decided(asking) {
            let message =
                format!("the condition `{name}` asks for itself: {} -> {name}", asking.join(" -> "));
            self.problems.report(args.at, message);
            return None;
        }
        let decided = self.decided.borrow().get(name).copied();
        match (decided, self.template.conditions.iter().find(|entry| entry.key == name)) {
            (None, Some(entry)) => {
                asking.push(name.to_owned());
                let holds = self.decide(&entry.value, asking);
                asking.pop();
                self.decided.borrow_mut().insert(name.to_owned(), holds);
                holds
            }
            (Some(decided), _) => decided,
            (None, None) => self.condition(name, args.at),
        }
    }

    pub(crate) fn equal(&self, args: &Node) -> Option<bool> {
        let [left, right] =
            self.arguments(args, "`!Equals` takes two values: `!Equals [!Ref Stage, prod]`")?;
        let (left, right) = (self.evaluate(left, true), self.evaluate(right, true));
        match (&left.data, &right.data) {
            (Data::Text(left), Data::Text(right)) => Some(left.text == right.text),
            _ => {
                for side in [&left, &right] {
                    if !matches!(side.data, Data::Text(_) | Data::Reported) {
                        let message = format!("`!Equals` compares texts, not {}", side.describe());
                        self.problems.report(side.at, message);
                    }
                }
                None
            }
        }
    }

    fn all(&self, args: &Node, asking: &mut Vec<String>) -> Option<Vec<bool>> {
        match &args.data {
            yaml::Data::Seq(items) if (2..=10).contains(&items.len()) => {
                let decided: Vec<_> = items.iter().map(|item| self.decide(item, asking)).collect();
                decided.into_iter().collect()
            }
            _ => {
                let message =
                    format!("`!And` and `!Or` take a list of two to ten conditions, not {}", args.describe());
                self.problems.report(args.at, message);
                None
            }
        }
    }
}
