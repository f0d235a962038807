//! Where a list is cut into pieces: by the names in it alone, so that one that comes or goes changes the piece that it is in
//! and, as a rule, no other.

use std::ops::Range;

use crate::digest::Digest;

/// How large pieces are, in entries.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// No edge ends a piece of fewer.
    pub least: usize,
    /// One name in so many is an edge; at most 65,536.
    pub usual: u16,
    /// A piece of so many ends without an edge.
    pub most: usize,
}

/// Cuts entries with these names, in their order, into pieces. An edge ends the piece that it is in.
pub(super) fn cut(names: &[&[u8]], shape: Shape) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let (mut start, mut end) = (0, 0);
    for name in names {
        end += 1;
        let length = end - start;
        let may_end = length >= shape.least;
        if (may_end && is_edge(name, shape.usual)) || length >= shape.most {
            pieces.push(start..end);
            start = end;
        }
    }
    if start < end {
        pieces.push(start..end);
    }
    pieces
}

fn is_edge(name: &[u8], usual: u16) -> bool {
    let digest = Digest::of(name);
    let [low, high, ..] = digest.as_bytes();
    // Up to 256 the first byte decides alone, as metadata of RPM packages has always been cut.
    let number = if usual <= 256 { u16::from(*low) } else { u16::from_le_bytes([*low, *high]) };
    number.is_multiple_of(usual)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { least: 8, usual: 16, most: 64 };

    fn names(count: usize) -> Vec<String> {
        (0..count).map(|number| format!("name-{number:05}")).collect()
    }

    fn pieces(names: &[String]) -> Vec<Vec<String>> {
        cut(&names.iter().map(String::as_bytes).collect::<Vec<_>>(), SHAPE)
            .into_iter()
            .map(|range| names[range].to_vec())
            .collect()
    }

    #[test]
    fn pieces_hold_everything_once_and_are_of_the_size_that_is_meant() {
        for count in [0, 1, 7, 63, 2_000] {
            let (names, all) = (names(count), pieces(&names(count)));
            assert_eq!(all.concat(), names);
            let (last, others) = all.split_last().map_or((None, &[][..]), |(last, others)| (Some(last), others));
            assert!(others.iter().all(|piece| (8..=64).contains(&piece.len())), "{count}");
            assert!(last.is_none_or(|piece| (1..=64).contains(&piece.len())), "{count}");
        }
        let many = pieces(&names(2_000)).len();
        assert!((2_000 / 40..2_000 / 16).contains(&many), "{many} pieces");
    }

    #[test]
    fn one_name_more_changes_few_pieces() {
        let before = pieces(&names(2_000));
        let mut changed = 0;
        for place in (0..2_000).step_by(10) {
            let mut names = names(2_000);
            names.insert(place, format!("name-{place:05}-more"));
            names.sort();
            changed += pieces(&names).iter().filter(|piece| !before.contains(piece)).count();
        }
        assert!((200..260).contains(&changed), "{changed} pieces for 200 names");
    }
}
