//! From tokens to a tree: `or`, `and`, `not`, one comparison, sums, products, signs, in the order of their binding.

use serde_json::Value;

use super::tokens::{Placed, Token, error, tokens};
use super::{ExprError, Node, Operator};

/// Deeper nesting is a mistake, and would cost stack.
const DEEPEST: usize = 50;
/// Most names, values and signs of one expression: a chain of them is nested as well.
const LONGEST: usize = 1_000;

const COMPARISONS: [(&str, Operator); 7] = [
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessEqual),
    (">=", Operator::GreaterEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
    ("in", Operator::In),
];

pub(super) fn parse(text: &str) -> Result<Node, ExprError> {
    let tokens = tokens(text)?;
    if let Some(over) = tokens.get(LONGEST) {
        return Err(error(over.at, over.length, "this is too long: more than 1000 names, values and signs"));
    }
    let mut parser = Parser { tokens, next: 0, end: text.chars().count(), depth: 0 };
    let node = parser.or()?;
    match parser.peek() {
        None => Ok(node),
        Some(rest) => Err(error(
            rest.at,
            rest.length,
            match &rest.token {
                Token::Sign("==" | "!=" | "<=" | ">=" | "<" | ">" | "in") => {
                    "comparisons are not chained: join two by `and`"
                }
                Token::Sign("(") => "there are no functions here",
                _ => "`and`, `or` or an operator is missing before this",
            },
        )),
    }
}

struct Parser {
    tokens: Vec<Placed>,
    next: usize,
    end: usize,
    depth: usize,
}

impl Parser {
    fn or(&mut self) -> Result<Node, ExprError> {
        self.depth += 1;
        if self.depth > DEEPEST {
            let at = self.peek().map_or(self.end, |placed| placed.at);
            return Err(error(at, 1, "this is nested too deeply"));
        }
        let mut left = self.and()?;
        while self.take("or") {
            left = Node::Binary(Operator::Or, Box::new(left), Box::new(self.and()?));
        }
        self.depth -= 1;
        Ok(left)
    }

    fn and(&mut self) -> Result<Node, ExprError> {
        let mut left = self.not()?;
        while self.take("and") {
            left = Node::Binary(Operator::And, Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Node, ExprError> {
        let mut negations = 0;
        while self.take("not") {
            negations += 1;
        }
        let node = self.comparison()?;
        Ok(if negations % 2 == 1 { Node::Not(Box::new(node)) } else { node })
    }

    fn comparison(&mut self) -> Result<Node, ExprError> {
        let left = self.sum()?;
        for (sign, operator) in COMPARISONS {
            if self.take(sign) {
                return Ok(Node::Binary(operator, Box::new(left), Box::new(self.sum()?)));
            }
        }
        if self.take("not") {
            if !self.take("in") {
                return Err(self.missing("`in` after `not`"));
            }
            return Ok(Node::Binary(Operator::NotIn, Box::new(left), Box::new(self.sum()?)));
        }
        Ok(left)
    }

    fn sum(&mut self) -> Result<Node, ExprError> {
        let mut left = self.product()?;
        loop {
            let operator = match () {
                () if self.take("+") => Operator::Add,
                () if self.take("-") => Operator::Subtract,
                () => return Ok(left),
            };
            left = Node::Binary(operator, Box::new(left), Box::new(self.product()?));
        }
    }

    fn product(&mut self) -> Result<Node, ExprError> {
        let mut left = self.signed()?;
        loop {
            let operator = match () {
                () if self.take("*") => Operator::Multiply,
                () if self.take("/") => Operator::Divide,
                () if self.take("%") => Operator::Remainder,
                () => return Ok(left),
            };
            left = Node::Binary(operator, Box::new(left), Box::new(self.signed()?));
        }
    }

    fn signed(&mut self) -> Result<Node, ExprError> {
        let mut minus = false;
        while self.take("-") {
            minus = !minus;
        }
        let node = self.atom()?;
        Ok(if minus { Node::Negate(Box::new(node)) } else { node })
    }

    fn atom(&mut self) -> Result<Node, ExprError> {
        let Some(placed) = self.peek().cloned() else { return Err(self.missing("a value")) };
        match placed.token {
            Token::Literal(value) => {
                self.next += 1;
                Ok(Node::Literal(value))
            }
            Token::Name(name) => {
                self.next += 1;
                Ok(Node::Name(name))
            }
            Token::Sign("(") => {
                self.next += 1;
                let inner = self.or()?;
                if self.take(")") { Ok(inner) } else { Err(self.missing("`)`")) }
            }
            Token::Sign("[") => {
                self.next += 1;
                self.list()
            }
            Token::Sign(_) => Err(self.missing("a value")),
        }
    }

    fn list(&mut self) -> Result<Node, ExprError> {
        let mut items = Vec::new();
        while !self.take("]") {
            items.push(self.or()?);
            if !self.take(",") {
                if self.take("]") {
                    break;
                }
                return Err(self.missing("`,` or `]`"));
            }
        }
        if items.is_empty() { Ok(Node::Literal(Value::Array(Vec::new()))) } else { Ok(Node::List(items)) }
    }

    fn peek(&self) -> Option<&Placed> {
        self.tokens.get(self.next)
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some(Placed { token: Token::Sign(next), .. }) if *next == sign);
        self.next += usize::from(found);
        found
    }

    fn missing(&self, what: &str) -> ExprError {
        let (at, length) = self.peek().map_or((self.end, 1), |placed| (placed.at, placed.length));
        error(at, length, &format!("{what} is missing here"))
    }
}
