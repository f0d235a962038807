//! Values of variables that only their step's run knows: text in which the contents of inputs stand.

/// Text with places for inputs, which are named by their role.
///
/// `%{probe 1}` stands for the content of the input `probe 1`, and `%%` for `%`: whatever the text around them is, it
/// cannot be taken for a place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Template(String);

impl Template {
    /// The template that reads so, as [`AsRef`] gives it.
    pub fn from_raw(raw: String) -> Self {
        Self(raw)
    }

    /// Appends text as it is.
    pub fn push_text(&mut self, text: &str) {
        self.0.push_str(&text.replace('%', "%%"));
    }

    /// Appends a place for the input `role`, which has no `}` in it.
    pub fn push_input(&mut self, role: &str) {
        self.0.push_str("%{");
        self.0.push_str(role);
        self.0.push('}');
    }

    /// The text with what `content` gives for each role put in.
    ///
    /// # Errors
    /// That of `content`.
    pub fn filled<E>(&self, mut content: impl FnMut(&str) -> Result<String, E>) -> Result<String, E> {
        let mut filled = String::new();
        let mut rest = self.0.as_str();
        while let Some((before, after)) = rest.split_once('%') {
            filled.push_str(before);
            let place = after.strip_prefix('{').and_then(|after| after.split_once('}'));
            rest = match place {
                Some((role, after)) => {
                    filled.push_str(&content(role)?);
                    after
                }
                None => {
                    filled.push('%');
                    after.strip_prefix('%').unwrap_or(after)
                }
            };
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

impl AsRef<str> for Template {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filled(template: &Template) -> String {
        let Ok(filled) = template.filled(|role| Ok::<_, std::convert::Infallible>(format!("<{role}>")));
        filled
    }

    #[test]
    fn places_are_filled_and_text_is_none() {
        let mut template = Template::default();
        template.push_text("100% %{probe 1} %%");
        template.push_input("probe 1");
        template.push_text("{probe 2}");
        assert_eq!(template.as_ref(), "100%% %%{probe 1} %%%%%{probe 1}{probe 2}");
        assert_eq!(filled(&template), "100% %{probe 1} %%<probe 1>{probe 2}");
    }

    proptest! {
        /// Whatever stands around places, two templates are one only if they are made of the same pieces.
        #[test]
        fn no_text_looks_like_a_place(pieces in prop::collection::vec("[%{}a]{0,5}", 0..4)) {
            let mut template = Template::default();
            for piece in &pieces {
                template.push_text(piece);
                template.push_input("r");
            }
            prop_assert_eq!(filled(&template), pieces.iter().map(|piece| format!("{piece}<r>")).collect::<String>());
            let mut plain = Template::default();
            plain.push_text(template.as_ref());
            prop_assert_eq!(filled(&plain), template.as_ref());
        }
    }
}
