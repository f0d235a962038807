//! Expressions of `%if` and `%[…]`: numbers, strings, versions, and what joins them (rpm's `rpmExprBool`).

use std::cmp::Ordering;
use std::fmt;

use crate::package::rpm_version::Evr;

/// Brackets and signs within each other.
const MAX_DEPTH: usize = 32;

/// A value of an expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Number(i64),
    Text(String),
    Version(String),
}

/// A text that is no expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NoExpression;

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Text(text) | Self::Version(text) => f.write_str(text),
        }
    }
}

impl Value {
    fn holds(&self) -> bool {
        match self {
            Self::Number(number) => *number != 0,
            Self::Text(text) | Self::Version(text) => !text.is_empty(),
        }
    }
}

/// Whether an expression holds.
pub(super) fn holds(text: &str) -> Result<bool, NoExpression> {
    value(text).map(|value| value.holds())
}

/// What an expression comes to.
pub(super) fn value(text: &str) -> Result<Value, NoExpression> {
    let mut parser = Parser { rest: text, depth: 0 };
    let value = parser.choice()?;
    if parser.next_is("") { Ok(value) } else { Err(NoExpression) }
}

struct Parser<'t> {
    rest: &'t str,
    depth: usize,
}

impl<'t> Parser<'t> {
    /// Whether `sign` comes next; an empty one asks for the end.
    fn next_is(&mut self, sign: &str) -> bool {
        self.rest = self.rest.trim_start();
        if sign.is_empty() { self.rest.is_empty() } else { self.rest.starts_with(sign) }
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = self.next_is(sign);
        if found {
            self.rest = &self.rest[sign.len()..];
        }
        found
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, NoExpression>) -> Result<T, NoExpression> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(NoExpression);
        }
        let read = read(self)?;
        self.depth -= 1;
        Ok(read)
    }

    /// `a ? b : c`.
    fn choice(&mut self) -> Result<Value, NoExpression> {
        let value = self.either()?;
        if !self.take("?") {
            return Ok(value);
        }
        let (one, other) = self.deeper(|parser| {
            let one = parser.choice()?;
            if !parser.take(":") {
                return Err(NoExpression);
            }
            Ok((one, parser.choice()?))
        })?;
        Ok(if value.holds() { one } else { other })
    }

    fn either(&mut self) -> Result<Value, NoExpression> {
        let mut value = self.both()?;
        while self.take("||") {
            let other = self.both()?;
            value = if value.holds() { value } else { other };
        }
        Ok(value)
    }

    fn both(&mut self) -> Result<Value, NoExpression> {
        let mut value = self.comparison()?;
        while self.take("&&") {
            let other = self.comparison()?;
            value = if value.holds() { other } else { value };
        }
        Ok(value)
    }

    fn comparison(&mut self) -> Result<Value, NoExpression> {
        let mut value = self.sum()?;
        loop {
            let sign = ["==", "!=", "<=", ">=", "<", ">", "="].into_iter().find(|sign| self.next_is(sign));
            let Some(sign) = sign else { return Ok(value) };
            self.rest = &self.rest[sign.len()..];
            let other = self.sum()?;
            let order = order(&value, &other)?;
            let found = match sign {
                "==" | "=" => order.is_eq(),
                "!=" => order.is_ne(),
                "<=" => order.is_le(),
                ">=" => order.is_ge(),
                "<" => order.is_lt(),
                _ => order.is_gt(),
            };
            value = Value::Number(found.into());
        }
    }

    fn sum(&mut self) -> Result<Value, NoExpression> {
        let mut value = self.product()?;
        loop {
            let plus = self.take("+");
            if !plus && !self.take("-") {
                return Ok(value);
            }
            value = match (value, self.product()?) {
                (Value::Number(one), Value::Number(other)) => {
                    let sum = if plus { one.checked_add(other) } else { one.checked_sub(other) };
                    Value::Number(sum.ok_or(NoExpression)?)
                }
                (Value::Text(one), Value::Text(other)) if plus => Value::Text(one + other.as_str()),
                _ => return Err(NoExpression),
            };
        }
    }

    fn product(&mut self) -> Result<Value, NoExpression> {
        let mut value = self.single()?;
        loop {
            let times = self.take("*");
            if !times && !self.take("/") {
                return Ok(value);
            }
            let (Value::Number(one), Value::Number(other)) = (value, self.single()?) else { return Err(NoExpression) };
            let product = if times { one.checked_mul(other) } else { one.checked_div(other) };
            value = Value::Number(product.ok_or(NoExpression)?);
        }
    }

    fn single(&mut self) -> Result<Value, NoExpression> {
        if self.next_is("!") && !self.next_is("!=") {
            self.take("!");
            return self.deeper(Self::single).map(|value| Value::Number((!value.holds()).into()));
        }
        if self.take("-") {
            let value = self.deeper(Self::single)?;
            let Value::Number(number) = value else { return Err(NoExpression) };
            return number.checked_neg().map(Value::Number).ok_or(NoExpression);
        }
        if self.take("(") {
            let value = self.deeper(Self::choice)?;
            return if self.take(")") { Ok(value) } else { Err(NoExpression) };
        }
        if self.take("v\"") {
            let text = self.quoted()?;
            return Evr::new(text).map(|_| Value::Version(text.to_owned())).map_err(|_| NoExpression);
        }
        if self.take("\"") {
            return self.quoted().map(|text| Value::Text(text.to_owned()));
        }
        let length = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = self.rest.split_at(length);
        self.rest = rest;
        // `018` is a number, `1a` and bare words are none.
        if rest.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_') {
            return Err(NoExpression);
        }
        number.parse().map(Value::Number).map_err(|_| NoExpression)
    }

    fn quoted(&mut self) -> Result<&'t str, NoExpression> {
        let (text, rest) = self.rest.split_once('"').ok_or(NoExpression)?;
        self.rest = rest;
        Ok(text)
    }
}

/// The order of two values of one kind.
fn order(one: &Value, other: &Value) -> Result<Ordering, NoExpression> {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => Ok(one.cmp(other)),
        (Value::Text(one), Value::Text(other)) => Ok(one.cmp(other)),
        (Value::Version(one), Value::Version(other)) => match (Evr::new(one), Evr::new(other)) {
            (Ok(one), Ok(other)) => Ok(one.order(&other)),
            _ => Err(NoExpression),
        },
        _ => Err(NoExpression),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions() {
        for (text, expected) in [
            ("08 >= 8", true),
            ("0 || 09 > 7", true),
            ("!0", true),
            ("! 01", false),
            ("0 && (1 || 1)", false),
            ("\".el8\" == \".el8\"", true),
            ("\"a\" != \"a\"", false),
            ("v\"4.18.0\" >= v\"4.9\"", true),
            ("2 + 3 * 2 == 8", true),
            ("(2 + 3) * 2 == 10 && -1 < 0", true),
            ("1 ? 0 : 1", false),
            ("\"\"", false),
        ] {
            assert_eq!(holds(text), Ok(expected), "{text}");
        }
        for text in ["", "1 +", "abc", "1 == \"1\"", "1/0", "(1", "1 1", "1a", "9223372036854775807 + 1"] {
            assert_eq!(holds(text), Err(NoExpression), "{text}");
        }
        assert_eq!(holds(&"(".repeat(100_000)), Err(NoExpression));
        assert_eq!(holds(&"!".repeat(100_000)), Err(NoExpression));
    }
}
