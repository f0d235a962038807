//! A log with the times at which its lines came.

use crate::store::LogTime;

/// Puts before each line of a text that comes in parts how long after the beginning it came: `[   12.3 s] `.
pub struct Stamped {
    times: Vec<LogTime>,
    /// How many of them lie behind.
    passed: usize,
    /// How many bytes of the text do.
    at: u64,
    begins: bool,
}

impl Stamped {
    /// With `times`, in their order.
    pub fn new(times: Vec<LogTime>) -> Self {
        Self { times, passed: 0, at: 0, begins: true }
    }

    /// The next part of the text, with the times.
    pub fn part(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut stamped = Vec::with_capacity(bytes.len());
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.begins {
                stamped.extend(self.stamp().into_bytes());
            }
            stamped.extend(line);
            self.at += line.len() as u64;
            self.begins = line.ends_with(b"\n");
        }
        stamped
    }

    fn stamp(&mut self) -> String {
        while self.times.get(self.passed).is_some_and(|time| time.from <= self.at) {
            self.passed += 1;
        }
        let milliseconds = self.passed.checked_sub(1).map_or(0, |place| self.times[place].milliseconds);
        format!("[{:>7}.{} s] ", milliseconds / 1_000, milliseconds % 1_000 / 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_the_time_of_the_part_that_it_begins_in() {
        let time = |from, milliseconds| LogTime { from, milliseconds };
        let mut stamped = Stamped::new(vec![time(0, 40), time(3, 1_260), time(12, 75_900)]);
        let told =
            [&b"a\nb"[..], b"\nlong\nx", b"\nend"].map(|part| String::from_utf8(stamped.part(part)).expect("text"));
        assert_eq!(
            told.concat(),
            "[      0.0 s] a\n[      0.0 s] b\n[      1.2 s] long\n[      1.2 s] x\n[      1.2 s] end"
        );
        assert_eq!(stamped.part(b"\nlast"), b"\n[     75.9 s] last");
    }
}
