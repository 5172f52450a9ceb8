//! A small expression language for constraints: comparisons, arithmetic, `and`, `or`, `not`, `in`. It has no calls, no
//! loops and no assignment, so it always ends and touches nothing.
//!
//! ```text
//! layer2 <= layer1
//! batch_size <= 32 or resnet_type != 'resnet152'
//! optimizer in ['sgd', 'rmsprop'] and not nesterov
//! ```

use std::sync::Arc;

use serde_json::Value;

mod parser;
mod tokens;

/// Why a text is no expression; `at` and `length` are in characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExprError {
    pub at: usize,
    pub length: usize,
    pub message: String,
}

/// A parsed expression.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    source: Arc<str>,
    root: Node,
}

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Literal(Value),
    /// A parameter, by its dotted path.
    Name(String),
    List(Vec<Node>),
    Not(Box<Node>),
    Negate(Box<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
    NotIn,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// Why an expression has no truth value for these parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undecided {
    /// It names a parameter that does not exist in this trial.
    Absent,
    /// It compares what cannot be compared, and so on.
    Meaningless(String),
}

impl Expr {
    /// Parses an expression.
    ///
    /// # Errors
    /// The first mistake, with its place.
    pub fn parse(text: &str) -> Result<Self, ExprError> {
        Ok(Self { source: text.into(), root: parser::parse(text)? })
    }

    /// The text it was parsed from.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Its parts that must each hold, where it is joined by `and`.
    pub fn conjuncts(self) -> Vec<Self> {
        let mut parts = Vec::new();
        let mut open = vec![self.root];
        while let Some(node) = open.pop() {
            match node {
                Node::Binary(Operator::And, left, right) => open.extend([*right, *left]),
                root => parts.push(Self { source: Arc::clone(&self.source), root }),
            }
        }
        parts
    }

    /// How much there is to decide: names, literals and operators.
    pub(crate) fn size(&self) -> u64 {
        self.root.size()
    }

    /// Every parameter it names, in order, repeated ones once.
    pub fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.root.collect(&mut names);
        names
    }

    /// Whether it holds for these parameters.
    ///
    /// # Errors
    /// When it cannot be decided.
    pub fn holds<'v>(&self, lookup: &dyn Fn(&str) -> Option<&'v Value>) -> Result<bool, Undecided> {
        truth(&self.root.value(lookup)?)
    }
}

impl Node {
    fn size(&self) -> u64 {
        1 + match self {
            Self::Literal(_) | Self::Name(_) => 0,
            Self::List(items) => items.iter().map(Self::size).sum(),
            Self::Not(inner) | Self::Negate(inner) => inner.size(),
            Self::Binary(_, left, right) => left.size() + right.size(),
        }
    }

    fn collect<'n>(&'n self, names: &mut Vec<&'n str>) {
        match self {
            Self::Literal(_) => {}
            Self::Name(name) => {
                if !names.contains(&name.as_str()) {
                    names.push(name);
                }
            }
            Self::List(items) => items.iter().for_each(|item| item.collect(names)),
            Self::Not(inner) | Self::Negate(inner) => inner.collect(names),
            Self::Binary(_, left, right) => {
                left.collect(names);
                right.collect(names);
            }
        }
    }

    fn value<'v>(&self, lookup: &dyn Fn(&str) -> Option<&'v Value>) -> Result<Value, Undecided> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Name(name) => lookup(name).cloned().ok_or(Undecided::Absent),
            Self::List(items) => {
                items.iter().map(|item| item.value(lookup)).collect::<Result<_, _>>().map(Value::Array)
            }
            Self::Not(inner) => Ok(Value::Bool(!truth(&inner.value(lookup)?)?)),
            Self::Negate(inner) => real(-number(&inner.value(lookup)?)?),
            Self::Binary(Operator::Or, left, right) => either(left, right, true, lookup),
            Self::Binary(Operator::And, left, right) => either(left, right, false, lookup),
            Self::Binary(operator, left, right) => {
                binary(*operator, &left.value(lookup)?, &right.value(lookup)?)
            }
        }
    }
}

/// `or` (`decisive` true) and `and` (false): the second half counts only if the first did not decide.
fn either<'v>(
    left: &Node,
    right: &Node,
    decisive: bool,
    lookup: &dyn Fn(&str) -> Option<&'v Value>,
) -> Result<Value, Undecided> {
    if truth(&left.value(lookup)?)? == decisive {
        return Ok(Value::Bool(decisive));
    }
    Ok(Value::Bool(truth(&right.value(lookup)?)?))
}

fn binary(operator: Operator, left: &Value, right: &Value) -> Result<Value, Undecided> {
    use Operator::*;
    let compared =
        |wanted: &[std::cmp::Ordering]| order(left, right).map(|found| Value::Bool(wanted.contains(&found)));
    let (less, same, more) =
        (std::cmp::Ordering::Less, std::cmp::Ordering::Equal, std::cmp::Ordering::Greater);
    match operator {
        Equal => Ok(Value::Bool(equal(left, right))),
        NotEqual => Ok(Value::Bool(!equal(left, right))),
        Less => compared(&[less]),
        LessEqual => compared(&[less, same]),
        Greater => compared(&[more]),
        GreaterEqual => compared(&[more, same]),
        In | NotIn => {
            let Value::Array(items) = right else {
                return Err(Undecided::Meaningless(format!("`in` wants a list, {right} is none")));
            };
            Ok(Value::Bool(items.iter().any(|item| equal(left, item)) == (operator == In)))
        }
        Add => real(number(left)? + number(right)?),
        Subtract => real(number(left)? - number(right)?),
        Multiply => real(number(left)? * number(right)?),
        Divide => real(number(left)? / number(right)?),
        Remainder => real(number(left)?.rem_euclid(number(right)?)),
        Or | And => Err(Undecided::Meaningless("and/or of values".to_owned())),
    }
}

fn equal(left: &Value, right: &Value) -> bool {
    match (left.as_f64(), right.as_f64()) {
        // 32 and 32.0 are one number.
        (Some(left), Some(right)) => left == right,
        _ => left == right,
    }
}

fn order(left: &Value, right: &Value) -> Result<std::cmp::Ordering, Undecided> {
    if let (Value::String(left), Value::String(right)) = (left, right) {
        return Ok(left.cmp(right));
    }
    match (left.as_f64(), right.as_f64()) {
        (Some(left), Some(right)) => Ok(left.total_cmp(&right)),
        _ => Err(Undecided::Meaningless(format!("{left} and {right} have no order"))),
    }
}

fn number(value: &Value) -> Result<f64, Undecided> {
    value.as_f64().ok_or_else(|| Undecided::Meaningless(format!("{value} is no number")))
}

fn real(value: f64) -> Result<Value, Undecided> {
    serde_json::Number::from_f64(value)
        .map(Value::Number)
        .ok_or_else(|| Undecided::Meaningless("a number became infinite, as by a division by 0".to_owned()))
}

fn truth(value: &Value) -> Result<bool, Undecided> {
    value.as_bool().ok_or_else(|| Undecided::Meaningless(format!("{value} is neither true nor false")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn eval(text: &str) -> Result<bool, Undecided> {
        let params =
            json!({"a": 3, "b": 3.0, "big": 64, "name": "resnet152", "on": true, "none": null, "m.depth": 5});
        let expr = Expr::parse(text).unwrap_or_else(|error| panic!("{text}: {error:?}"));
        expr.holds(&|name| params.get(name))
    }

    #[test]
    fn expressions_mean_what_they_say() {
        for (text, expected) in [
            ("a == b", true),
            ("a <= 3 and b >= 3", true),
            ("big <= 32 or name != 'resnet152'", false),
            ("not (big <= 32) and on", true),
            ("name in ['resnet50', \"resnet152\"]", true),
            ("name not in ['resnet50']", true),
            ("big % 32 == 0", true),
            ("-a + 2 * 3 - 1 == 2", true),
            ("(a + 1) * 2 == 8", true),
            ("big / 2 == 32.0", true),
            ("none == null and on == True", true),
            ("m.depth > 4", true),
            ("`m.depth` > `a`", true),
            ("a < 1e-4 or a < .5", false),
            ("1 < 2 and 2 < 3 or nosuch", true),
        ] {
            assert_eq!(eval(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_decided_is_said() {
        assert_eq!(eval("nosuch == 1"), Err(Undecided::Absent));
        for text in ["name < 3", "a", "a + name == 1", "a / 0 > 1", "a in 3", "not a"] {
            assert!(matches!(eval(text), Err(Undecided::Meaningless(_))), "{text}");
        }
    }

    #[test]
    fn mistakes_have_a_place() {
        for (text, at) in [
            ("a <=", 4),
            ("a = 3", 2),
            ("(a < 3", 6),
            ("a < 3)", 5),
            ("a && b", 2),
            ("'open", 0),
            ("`open", 0),
            ("``", 0),
            ("", 0),
            ("a < 3 < 4", 6),
            ("a b", 2),
            ("f(a)", 1),
        ] {
            let error = Expr::parse(text).expect_err(text);
            assert_eq!(error.at, at, "{text}: {}", error.message);
        }
        let deep = "(".repeat(100_000);
        assert!(Expr::parse(&deep).is_err());
    }

    #[test]
    fn names_are_listed_once() {
        assert_eq!(Expr::parse("a < b or a in [c, 'd']").expect("parses").names(), ["a", "b", "c"]);
    }

    proptest! {
        #[test]
        fn no_text_breaks_the_parser(text in "[ -~]{0,60}") {
            if let Ok(expr) = Expr::parse(&text) {
                let _either = expr.holds(&|_| None);
            }
        }
    }
}
