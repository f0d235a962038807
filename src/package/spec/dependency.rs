//! Dependencies of RPM packages: `libmd-devel >= 1.1`, `pkgconfig(zlib)`, `(a or b)`.

use std::fmt;

use super::super::rpm_version::Evr;

/// The most dependencies of one field, and the most bytes of one with brackets.
const MAX_FIELD: usize = 64 << 10;

/// One dependency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dependency {
    /// A capability, with its limit where there is one.
    Plain {
        /// What is asked for: a package, `name(x)`, or a file.
        name: String,
        /// The sign (`<`, `<=`, `=`, `>=`, `>`) and the version.
        limit: Option<(Sign, Evr)>,
    },
    /// Several joined in brackets, such as `(a >= 1 or b)`.
    Joined {
        /// The text, with single blanks.
        text: String,
        /// All capabilities named in it, conditions included.
        names: Vec<String>,
    },
}

/// How a version is compared with a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `=`
    Equal,
    /// `>=`
    GreaterOrEqual,
    /// `>`
    Greater,
}

impl Sign {
    /// The sign as metadata of YUM repositories has it.
    pub fn in_metadata(self) -> &'static str {
        match self {
            Self::Less => "LT",
            Self::LessOrEqual => "LE",
            Self::Equal => "EQ",
            Self::GreaterOrEqual => "GE",
            Self::Greater => "GT",
        }
    }

    fn new(text: &str) -> Option<Self> {
        Some(match text {
            "<" => Self::Less,
            "<=" | "=<" => Self::LessOrEqual,
            "=" | "==" => Self::Equal,
            ">=" | "=>" => Self::GreaterOrEqual,
            ">" => Self::Greater,
            _ => return None,
        })
    }

    /// The sign as rpm writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Equal => "=",
            Self::GreaterOrEqual => ">=",
            Self::Greater => ">",
        }
    }
}

impl fmt::Display for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain { name, limit: None } => f.write_str(name),
            Self::Plain { name, limit: Some((sign, evr)) } => write!(f, "{name} {} {evr}", sign.as_str()),
            Self::Joined { text, .. } => f.write_str(text),
        }
    }
}

impl Dependency {
    /// The capabilities that it names.
    pub fn names(&self) -> &[String] {
        match self {
            Self::Plain { name, .. } => std::slice::from_ref(name),
            Self::Joined { names, .. } => names,
        }
    }
}

/// What is no dependency: the text of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no dependency")]
pub struct NoDependency(pub String);

/// The dependencies of a field, in its order.
///
/// # Errors
/// [`NoDependency`] for the first that is none.
pub fn parse(field: &str) -> Result<Vec<Dependency>, NoDependency> {
    if field.len() > MAX_FIELD {
        return Err(no_dependency(field));
    }
    let mut found = Vec::new();
    let mut rest = field;
    loop {
        rest = rest.trim_start_matches(|letter: char| letter.is_whitespace() || letter == ',');
        if rest.is_empty() {
            return Ok(found);
        }
        if rest.starts_with('(') {
            let end = super::expand::closing(rest).ok_or_else(|| no_dependency(rest))?;
            found.push(joined(&rest[..=end])?);
            rest = &rest[end + 1..];
            continue;
        }
        let (name, behind) = word(rest);
        let starts = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || b"_/".contains(&byte));
        if !starts || !name.bytes().all(|byte| byte.is_ascii_graphic() && !b"<>=%\"\\".contains(&byte)) {
            return Err(no_dependency(name));
        }
        let (sign, after) = word(behind.trim_start());
        let limit = match Sign::new(sign) {
            None => {
                rest = behind;
                None
            }
            Some(sign) => {
                let (version, after) = word(after.trim_start());
                let evr =
                    Evr::new(version).map_err(|_| no_dependency(&format!("{name} {} {version}", sign.as_str())))?;
                rest = after;
                Some((sign, evr))
            }
        };
        found.push(Dependency::Plain { name: name.to_owned(), limit });
    }
}

fn no_dependency(text: &str) -> NoDependency {
    NoDependency(text.chars().take(80).collect())
}

/// What stands before the next blank or comma, and what follows.
fn word(text: &str) -> (&str, &str) {
    text.split_at(text.find(|letter: char| letter.is_whitespace() || letter == ',').unwrap_or(text.len()))
}

/// The whole of a bracket.
fn joined(text: &str) -> Result<Dependency, NoDependency> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let mut names = Vec::new();
    let mut is_limit = false;
    for word in &words {
        if Sign::new(word).is_some() {
            is_limit = true;
            continue;
        }
        if std::mem::take(&mut is_limit) || ["and", "or", "if", "else", "with", "without", "unless"].contains(word) {
            continue;
        }
        let name = word.trim_start_matches('(');
        // `pkgconfig(zlib)` keeps its bracket; those that close a group go.
        let opened = name.matches('(').count();
        let mut end = name.len();
        let mut closed = name.matches(')').count();
        while closed > opened && name[..end].ends_with(')') {
            end -= 1;
            closed -= 1;
        }
        if end > 0 {
            names.push(name[..end].to_owned());
        }
    }
    if names.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace()) {
        return Err(no_dependency(text));
    }
    Ok(Dependency::Joined { text: words.join(" "), names })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(field: &str) -> Vec<String> {
        parse(field).expect(field).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn fields() {
        assert_eq!(
            shown("gcc, make  libmd-devel >= 1.1,\tpkgconfig(zlib)"),
            ["gcc", "make", "libmd-devel >= 1.1", "pkgconfig(zlib)"]
        );
        assert_eq!(
            shown("a == 1:2-3 /usr/bin/perl perl(Foo::Bar) => 2"),
            ["a = 1:2-3", "/usr/bin/perl", "perl(Foo::Bar) >= 2"]
        );
        assert_eq!(shown(""), Vec::<String>::new());
        let joined = &parse("(pkgconfig(x) >= 1.2 or (b and c(d)) if e)").expect("fine")[0];
        assert_eq!(joined.names(), ["pkgconfig(x)", "b", "c(d)", "e"]);
        assert_eq!(joined.to_string(), "(pkgconfig(x) >= 1.2 or (b and c(d)) if e)");
    }

    #[test]
    fn what_is_none() {
        for (field, said) in [
            ("%{foo}", "%{foo}"),
            ("a >=", "a >= "),
            ("a>=1", "a>=1"),
            ("(a or", "(a or"),
            ("a = 1-", "a = 1-"),
            ("()", "()"),
        ] {
            assert_eq!(parse(field).expect_err(field).to_string(), format!("`{said}` is no dependency"));
        }
    }
}
