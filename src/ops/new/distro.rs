//! A new distro's file: the one that comes with the program, or a copy of another with what cannot be known to fill in.

use std::collections::BTreeMap;

use super::{Made, NewError, close};
use crate::diag::Failure;
use crate::distro::known::{KNOWN, known};
use crate::distro::{Distro, Family};
use crate::eval::{self, MemoryFiles};
use crate::name::DistroName;
use crate::project::{Project, ProjectError, make_file};

/// What stands where something is to be filled in. No field takes it, so that nothing is built before that.
const FILL_IN: &str = "FILL IN";

/// What a copy is to say.
#[derive(Debug, Clone, Default)]
pub struct Copy {
    /// The distro to copy; `None`: none is to be copied.
    pub like: Option<String>,
    /// The new one's code name.
    pub codename: Option<String>,
    /// The last day of its support.
    pub end: Option<String>,
}

/// The distros that come with the program.
pub fn all_known() -> BTreeMap<DistroName, Distro> {
    let mut files: BTreeMap<String, String> =
        KNOWN.iter().map(|(name, text)| (format!("distros/{name}.rhai"), (*text).to_owned())).collect();
    // A folder that evaluation wants to see, without a recipe in it.
    files.insert("recipes/README.md".to_owned(), String::new());
    eval::evaluate(&MemoryFiles(files)).map(|project| project.distros).unwrap_or_default()
}

/// Makes `distros/NAME.rhai`.
///
/// # Errors
/// [`NewError`] where there is one, where nobody knows it and none is to be copied, and for facts that cannot be.
pub fn distro(project: &Project, name: &str, copy: &Copy) -> Result<Made, Failure> {
    let name =
        DistroName::new(name).map_err(|wrong| NewError::Name { wrong, close: ", as in `debian-14`".to_owned() })?;
    let file = format!("distros/{name}.rhai");
    if project.root().symlink_metadata(&file).is_ok() {
        return Err(NewError::There { file }.into());
    }
    let (text, notes) = match (&copy.like, known(name.as_str())) {
        (None, Some(text)) => (text.to_owned(), Vec::new()),
        (None, None) => {
            let list: Vec<&str> = KNOWN.iter().map(|(known, _)| *known).collect();
            let (close, known) = (close(name.as_str(), list.iter().copied()), list.join(", "));
            return Err(NewError::UnknownDistro { name: name.to_string(), close, known }.into());
        }
        (Some(like), _) => {
            let (text, example) = example(project, like)?;
            let (text, open) = like_another(&text, &example, &name, copy)?;
            let mut notes = vec![format!("{name} is a copy of {like}: see that each line of it is right")];
            if !open.is_empty() {
                notes.push(format!("fill in {}: until then evaluating the recipes fails there", open.join(" and ")));
            }
            (text, notes)
        }
    };
    let failed =
        |source| ProjectError::File { deed: "make", path: project.path.join(&file).as_path().to_owned(), source };
    if !make_file(project.root(), &file, &text).map_err(failed)? {
        return Err(NewError::There { file }.into());
    }
    Ok(Made { file, notes })
}

/// The distro to copy: one of the project's, or one that comes with the program.
fn example(project: &Project, like: &str) -> Result<(String, Distro), NewError> {
    let file = format!("distros/{like}.rhai");
    // What is no name is no file either, and nothing but a name may become part of a path.
    let own = DistroName::new(like).ok().and_then(|_| project.root().read_to_string(&file).ok());
    let text = own.or_else(|| known(like).map(str::to_owned));
    let Some(text) = text else {
        let own = project.root().read_dir("distros").into_iter().flatten().flatten();
        let own =
            own.filter_map(|entry| entry.file_name().into_string().ok()?.strip_suffix(".rhai").map(str::to_owned));
        let mut list: Vec<String> = own.chain(KNOWN.iter().map(|(known, _)| (*known).to_owned())).collect();
        list.sort();
        list.dedup();
        let close = close(like, list.iter().map(String::as_str));
        return Err(NewError::NoExample { name: like.to_owned(), close, known: list.join(", ") });
    };
    let files = [(file.clone(), text.clone()), ("recipes/README.md".to_owned(), String::new())];
    let evaluated = eval::evaluate(&MemoryFiles(files.into_iter().collect()));
    let found = evaluated.ok().and_then(|project| project.distros.into_values().next());
    let distro = found.ok_or(NewError::BadExample { file })?;
    Ok((text, distro))
}

/// The text of a distro's file, made that of another release; and which facts are to be filled in.
fn like_another(
    text: &str,
    old: &Distro,
    name: &DistroName,
    copy: &Copy,
) -> Result<(String, Vec<&'static str>), NewError> {
    let wrong = || NewError::DistroName { name: name.to_string() };
    let (head, release) = name.as_str().rsplit_once('-').ok_or_else(wrong)?;
    let old_head = old.name.as_str().strip_suffix(&format!("-{}", old.release)).unwrap_or(&old.vendor);
    if let Some(codename) = copy.codename.as_ref().filter(|text| !text.bytes().all(|byte| byte.is_ascii_lowercase())) {
        return Err(NewError::Fact { what: "code name", text: codename.clone(), example: "forky" });
    }
    if let Some(end) = copy.end.as_ref().filter(|text| text.parse::<jiff::civil::Date>().is_err()) {
        return Err(NewError::Fact { what: "day", text: end.clone(), example: "2030-06-30" });
    }
    let has_codename = old.family() == Family::Deb;
    let codename = copy.codename.as_deref().unwrap_or(FILL_IN);
    let end = copy.end.as_deref().unwrap_or(FILL_IN);
    let mut new = format!(
        "// {name}, begun as a copy of {}. See that each line is right: suites or repositories, arches, keyring or keys, and\n\
         // what comments say. Where facts are from belongs here.\n",
        old.name
    );
    let body = text.lines().skip_while(|line| line.starts_with("//") || line.trim().is_empty());
    for line in body {
        let (code, comment) = split_comment(line);
        let mut code = pieces(code, |text| {
            if text == old.lifecycle.end { end.to_owned() } else { renumbered(text, &old.release, release) }
        });
        if has_codename {
            code = pieces(&code, |text| text.replace(old.codename(), codename));
        }
        for key in ["vendor", "platform"] {
            code = code.replace(&format!("{key}: \"{old_head}\""), &format!("{key}: \"{head}\""));
        }
        new.push_str(code.trim_end());
        if !comment.is_empty() {
            new.push_str(if code.trim().is_empty() { "    " } else { " " });
            new.push_str(comment);
        }
        new.push('\n');
    }
    let open =
        [("the code name", has_codename && copy.codename.is_none()), ("the end of its support", copy.end.is_none())];
    Ok((new, open.into_iter().filter(|(_, is_open)| *is_open).map(|(what, _)| what).collect()))
}

/// A line's code and its comment, if it has one.
fn split_comment(line: &str) -> (&str, &str) {
    let mut inside = false;
    for (at, c) in line.char_indices() {
        match c {
            '"' => inside = !inside,
            '/' if !inside && line[at..].starts_with("//") => return (&line[..at], &line[at..]),
            _ => {}
        }
    }
    (line, "")
}

/// `code` with `change` made to its words: strings, and names of fields.
fn pieces(code: &str, change: impl Fn(&str) -> String) -> String {
    let mut made = String::new();
    for (place, part) in code.split('"').enumerate() {
        if place > 0 {
            made.push('"');
        }
        // What stands between two quotes is a string; elsewhere only names such as `el9` can hold a release.
        made.push_str(&if place % 2 == 1 || part.contains(": ") { change(part) } else { part.to_owned() });
    }
    made
}

/// `text` with the number `old` as `new` where it stands as a whole: `el9`, `9`, `KEY-9`, not `2029` or `9.1`.
fn renumbered(text: &str, old: &str, new: &str) -> String {
    let is_number = |c: char| c.is_ascii_digit() || c == '.';
    let mut made = String::new();
    let mut rest = text;
    while let Some(begin) = rest.find(is_number) {
        let number: &str = &rest[begin..];
        let end = number.find(|c| !is_number(c)).unwrap_or(number.len());
        let (dots, digits) = {
            let digits = number[..end].trim_start_matches('.');
            (end - digits.len(), digits)
        };
        made.push_str(&rest[..begin + dots]);
        // `16.0` is `lp160` too.
        let (joined, new_joined) = (old.replace('.', ""), new.replace('.', ""));
        made.push_str(match digits {
            digits if digits == old => new,
            digits if digits == joined => &new_joined,
            _ => digits,
        });
        rest = &number[end..];
    }
    made.push_str(rest);
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copied(like: &str, name: &str, codename: Option<&str>, end: Option<&str>) -> (String, Vec<&'static str>) {
        let copy = Copy { like: None, codename: codename.map(str::to_owned), end: end.map(str::to_owned) };
        let all = all_known();
        let name = DistroName::new(name).expect("a name");
        like_another(known(like).expect("known"), &all[&DistroName::new(like).expect("a name")], &name, &copy)
            .expect("fine")
    }

    #[test]
    fn all_that_come_along_evaluate() {
        assert_eq!(all_known().len(), KNOWN.len());
    }

    #[test]
    fn a_whole_copy_evaluates_and_an_open_one_does_not() {
        for (like, _) in KNOWN {
            let head = like.rsplit_once('-').expect("a release").0;
            let name = format!("{head}-77");
            let evaluated = |text: &str| {
                let files =
                    [(format!("distros/{name}.rhai"), text.to_owned()), ("recipes/x".to_owned(), String::new())];
                eval::evaluate(&MemoryFiles(files.into_iter().collect()))
            };
            let (text, open) = copied(like, &name, Some("oasis"), Some("2040-01-01"));
            assert_eq!(open, [""; 0]);
            let project =
                evaluated(&text).unwrap_or_else(|errors| panic!("{like}: {:?}\n{text}", miette::Report::new(errors)));
            let distro = &project.distros[&DistroName::new(name.clone()).expect("a name")];
            assert_eq!((distro.release.as_str(), distro.lifecycle.end.as_str()), ("77", "2040-01-01"));
            assert!(distro.suffix.contains("77"), "{}", distro.suffix);
            let (text, open) = copied(like, &name, None, None);
            assert!(!open.is_empty() && evaluated(&text).is_err(), "{text}");
        }
    }

    #[test]
    fn numbers_are_replaced_where_they_stand_as_a_whole() {
        let new = |text: &str| renumbered(text, "9", "10");
        assert_eq!(
            ["9", ".el9", "KEY-9", "9.1", "2029-09-30", "w19.zstdio"].map(new),
            ["10", ".el10", "KEY-10", "9.1", "2029-09-30", "w19.zstdio"]
        );
        assert_eq!(renumbered("ubuntu24.04 24.04", "24.04", "26.04"), "ubuntu26.04 26.04");
    }
}
