//! The lines of a spec as rpm sees them: one that ends inside a macro's bracket, or with `\`, goes on in the next.

/// What is open at the end of a line.
#[derive(Default)]
struct Open {
    braces: u32,
    rounds: u32,
    squares: u32,
    goes_on: bool,
}

impl Open {
    fn line(&mut self, line: &str) {
        self.goes_on = false;
        let bytes = line.as_bytes();
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            let next = bytes.get(at + 1);
            match (byte, next) {
                (b'\\', None) => self.goes_on = true,
                (b'\\', Some(_)) | (b'%', Some(b'%')) => at += 1,
                (b'%', Some(b'{')) => {
                    self.braces += 1;
                    at += 1;
                }
                (b'%', Some(b'(')) => {
                    self.rounds += 1;
                    at += 1;
                }
                (b'%', Some(b'[')) => {
                    self.squares += 1;
                    at += 1;
                }
                (b'{', _) if self.braces > 0 => self.braces += 1,
                (b'}', _) if self.braces > 0 => self.braces -= 1,
                (b'(', _) if self.rounds > 0 => self.rounds += 1,
                (b')', _) if self.rounds > 0 => self.rounds -= 1,
                (b'[', _) if self.squares > 0 => self.squares += 1,
                (b']', _) if self.squares > 0 => self.squares -= 1,
                _ => {}
            }
            at += 1;
        }
    }

    fn is_open(&self) -> bool {
        self.goes_on || self.braces > 0 || self.rounds > 0 || self.squares > 0
    }
}

/// A line with the number of its first physical line, counted from 1; or, where a bracket is never closed, that number.
pub(super) fn lines(text: &str) -> Vec<Result<(usize, &str), usize>> {
    let mut found = Vec::new();
    let mut start: Option<(usize, usize)> = None;
    let mut open = Open::default();
    let mut offset = 0;
    for (number, line) in text.split_inclusive('\n').enumerate() {
        let end = offset + line.len();
        let bare = line.trim_end_matches('\n').trim_end_matches('\r');
        let (from, first) = *start.get_or_insert((offset, number + 1));
        // A comment by itself is never carried on.
        if !(from == offset && bare.trim_start().starts_with('#')) {
            open.line(bare);
        }
        if !open.is_open() {
            found.push(Ok((first, text[from..end].trim_end_matches(['\n', '\r']))));
            start = None;
            open = Open::default();
        }
        offset = end;
    }
    match start {
        Some((from, first)) if open.goes_on && open.braces + open.rounds + open.squares == 0 => {
            found.push(Ok((first, &text[from..])));
        }
        Some((_, first)) => found.push(Err(first)),
        None => {}
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_joined_in_brackets_and_behind_backslashes() {
        let text = "a\n%global x %{expand: {\nb }}\nc \\\nd\n# %{\ne %%{\n%(f";
        let expected: Vec<Result<(usize, &str), usize>> = vec![
            Ok((1, "a")),
            Ok((2, "%global x %{expand: {\nb }}")),
            Ok((4, "c \\\nd")),
            Ok((6, "# %{")),
            Ok((7, "e %%{")),
            Err(8),
        ];
        assert_eq!(lines(text), expected);
    }
}
