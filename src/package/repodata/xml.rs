//! XML as a run of pieces, with entities resolved: what all files of a repository are read by.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesStart, Event};

use super::RepodataError;

/// The deepest nesting; that of repositories is five.
const MAX_DEPTH: usize = 32;

/// A piece of a file. Names are without their prefix.
pub(super) enum Piece<'p> {
    /// An element begins.
    Open(&'p Element<'p>),
    /// Text, in one or several pieces.
    Text(&'p str),
    /// The element of that name ends.
    Close(&'p str),
}

/// An element's beginning.
pub(super) struct Element<'p> {
    start: &'p BytesStart<'p>,
    /// Its name without a prefix.
    pub name: &'p str,
}

impl Element<'_> {
    /// The value of an attribute.
    pub fn attribute(&self, name: &str) -> Result<Option<Cow<'_, str>>, RepodataError> {
        for attribute in self.start.attributes() {
            let attribute = attribute.map_err(|error| RepodataError::Xml { at: 0, why: error.to_string() })?;
            if attribute.key.local_name().as_ref() == name {
                let value = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0);
                return value.map(Some).map_err(|error| RepodataError::Xml { at: 0, why: error.to_string() });
            }
        }
        Ok(None)
    }
}

/// Reads `text`, piece by piece.
///
/// # Errors
/// [`RepodataError::Xml`], and whatever `take` says.
pub(super) fn read(
    text: &str,
    take: &mut dyn FnMut(Piece<'_>) -> Result<(), RepodataError>,
) -> Result<(), RepodataError> {
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut depth = 0_usize;
    loop {
        let at = reader.buffer_position();
        let wrong = |why: String| RepodataError::Xml { at, why };
        match reader.read_event().map_err(|error| wrong(error.to_string()))? {
            Event::Start(start) => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(wrong("elements stand in each other too deeply".to_owned()));
                }
                let local = start.local_name();
                let place = |error| match error {
                    RepodataError::Xml { why, .. } => RepodataError::Xml { at, why },
                    other => other,
                };
                take(Piece::Open(&Element { start: &start, name: local.as_ref() })).map_err(place)?;
            }
            Event::End(end) => {
                depth -= 1;
                take(Piece::Close(end.local_name().as_ref()))?;
            }
            Event::Text(text) => take(Piece::Text(&text.xml10_content()))?,
            Event::CData(text) => take(Piece::Text(&text.xml10_content()))?,
            Event::GeneralRef(entity) => {
                let named = entity.xml10_content();
                let char = entity.resolve_char_ref().map_err(|error| wrong(error.to_string()))?;
                let text = char.map(String::from).or_else(|| resolve_predefined_entity(&named).map(str::to_owned));
                let unknown = || wrong(format!("the entity `{}` is not known", named.escape_debug()));
                take(Piece::Text(&text.ok_or_else(unknown)?))?;
            }
            Event::Eof if depth > 0 => return Err(wrong("it ends in the midst of an element".to_owned())),
            Event::Eof => return Ok(()),
            // Never one of its own, as they are expanded.
            Event::Empty(_) | Event::Decl(_) | Event::PI(_) | Event::Comment(_) | Event::DocType(_) => {}
        }
    }
}

/// Appends `text` so that it stands in an element or in an attribute with double quotes.
pub(super) fn escape_into(to: &mut String, text: &str) {
    for char in text.chars() {
        match char {
            '&' => to.push_str("&amp;"),
            '<' => to.push_str("&lt;"),
            '>' => to.push_str("&gt;"),
            '"' => to.push_str("&quot;"),
            '\n' | '\r' | '\t' => to.push(' '),
            char => to.push(char),
        }
    }
}
