//! From text to tokens.

use serde_json::{Number, Value};

use super::ExprError;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Literal(Value),
    Name(String),
    /// `and`, `<=`, `(` and so on.
    Sign(&'static str),
}

/// A token and where it stands, in characters.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) at: usize,
    pub(super) length: usize,
}

const WORDS: [&str; 4] = ["and", "or", "not", "in"];
/// Longer ones first.
const SIGNS: [&str; 17] =
    ["==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%", "(", ")", "[", "]", ",", "="];

pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, ExprError> {
    let chars: Vec<char> = text.chars().collect();
    let mut out = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
        if c.is_whitespace() {
            at += 1;
            continue;
        }
        let (token, length) = if c == '\'' || c == '"' {
            quoted(&chars, at)?
        } else if c == '`' {
            named(&chars, at)?
        } else if c.is_ascii_digit() || (c == '.' && chars.get(at + 1).is_some_and(char::is_ascii_digit)) {
            numeral(&chars, at)?
        } else if c.is_alphabetic() || c == '_' {
            word(&chars, at)
        } else {
            sign(&chars, at)?
        };
        out.push(Placed { token, at, length });
        at += length;
    }
    Ok(out)
}

fn quoted(chars: &[char], at: usize) -> Result<(Token, usize), ExprError> {
    let end = chars[at + 1..].iter().position(|c| *c == chars[at]);
    let Some(length) = end else {
        return Err(error(at, chars.len() - at, "this text has no closing quote"));
    };
    let text: String = chars[at + 1..=at + length].iter().collect();
    Ok((Token::Literal(Value::String(text)), length + 2))
}

/// A name that has other signs than words have, as `total-f1score`.
fn named(chars: &[char], at: usize) -> Result<(Token, usize), ExprError> {
    let end = chars[at + 1..].iter().position(|c| *c == '`');
    let Some(length) = end.filter(|length| *length > 0) else {
        return Err(error(at, chars.len() - at, "this name has no closing backtick"));
    };
    Ok((Token::Name(chars[at + 1..=at + length].iter().collect()), length + 2))
}

fn numeral(chars: &[char], at: usize) -> Result<(Token, usize), ExprError> {
    let part = |index: usize| {
        let c = chars[index];
        let sign = matches!(c, '+' | '-') && matches!(chars[index - 1], 'e' | 'E');
        c.is_ascii_alphanumeric() || c == '.' || c == '_' || (index > at && sign)
    };
    let length = (at..chars.len()).take_while(|&index| part(index)).count();
    let text: String = chars[at..at + length].iter().collect();
    let whole = text.parse::<i64>().ok().map(Number::from);
    let number = whole.or_else(|| text.parse::<f64>().ok().and_then(Number::from_f64));
    match number {
        Some(number) => Ok((Token::Literal(Value::Number(number)), length)),
        None => Err(error(at, length, "this is no number")),
    }
}

fn word(chars: &[char], at: usize) -> (Token, usize) {
    let part = |c: &&char| c.is_alphanumeric() || matches!(c, '_' | '.');
    let length = chars[at..].iter().take_while(part).count();
    let text: String = chars[at..at + length].iter().collect();
    let token = match text.as_str() {
        "true" | "True" => Token::Literal(Value::Bool(true)),
        "false" | "False" => Token::Literal(Value::Bool(false)),
        "null" | "None" => Token::Literal(Value::Null),
        _ => match WORDS.into_iter().find(|word| *word == text) {
            Some(word) => Token::Sign(word),
            None => Token::Name(text),
        },
    };
    (token, length)
}

fn sign(chars: &[char], at: usize) -> Result<(Token, usize), ExprError> {
    let starts =
        |sign: &&&str| sign.chars().enumerate().all(|(offset, c)| chars.get(at + offset) == Some(&c));
    // As some people write `<=` and `>=`; `<>` was once Python's `!=`.
    let pair: String = chars[at..].iter().take(2).collect();
    if let Some(fix) = match pair.as_str() {
        "=<" => Some("write `<=`"),
        "=>" => Some("write `>=`"),
        "<>" => Some("write `!=`"),
        _ => None,
    } {
        return Err(error(at, 2, fix));
    }
    match SIGNS.iter().find(starts) {
        Some(&"=") => Err(error(at, 1, "a comparison is written `==`")),
        Some(&sign) => Ok((Token::Sign(sign), sign.len())),
        None => Err(error(
            at,
            1,
            match chars[at] {
                '&' => "write `and`",
                '|' => "write `or`",
                '!' => "write `not`, or `!=`",
                _ => "this character has no meaning here",
            },
        )),
    }
}

pub(super) fn error(at: usize, length: usize, message: &str) -> ExprError {
    ExprError { at, length: length.max(1), message: message.to_owned() }
}
