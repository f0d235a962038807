//! Stanzas of `Field: value` lines, as far as apt's sources and Release files need them (deb822(5)).

/// A paragraph.
pub(super) struct Stanza {
    /// Name and value, in the file's order; values keep their line breaks, without the leading white space of lines.
    fields: Vec<(String, String)>,
    /// The line of its first field, from 1.
    pub line: usize,
}

impl Stanza {
    /// The value of `name`, whatever its capitals; the first one where it is there twice.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// The stanzas of `text`; lines beginning with `#` are comments. The error is the number of the line that fits nowhere.
pub(super) fn stanzas(text: &str) -> Result<Vec<Stanza>, usize> {
    let mut all: Vec<Stanza> = Vec::new();
    let mut open = false;
    for (number, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            open = false;
        } else if line.starts_with('#') {
            // A comment does not end the stanza.
        } else if line.starts_with([' ', '\t']) {
            let stanza = all.last_mut().filter(|_| open).ok_or(number + 1)?;
            let (_, value) = stanza.fields.last_mut().ok_or(number + 1)?;
            value.push('\n');
            value.push_str(line.trim());
        } else {
            let (name, value) = line.split_once(':').ok_or(number + 1)?;
            if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(number + 1);
            }
            if !open {
                all.push(Stanza { fields: Vec::new(), line: number + 1 });
                open = true;
            }
            let stanza = all.last_mut().ok_or(number + 1)?;
            stanza.fields.push((name.to_owned(), value.trim().to_owned()));
        }
    }
    Ok(all)
}
