//! What came of making builds again, as text.

use std::fmt::Write as _;

use super::causes::date;
use super::plain;
use super::rivals::{RivalTold, text as text_of_rivals};
use crate::name::NodeName;
use crate::store::Rebuilt;

/// What came of making a build again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Came {
    /// The same.
    Same,
    /// Something else; compared, where both are here.
    Differs {
        /// The other result, compared with the one that counts; `None` where it is not kept.
        rival: Option<Box<RivalTold>>,
        /// Where in the packages they differ, a line each.
        places: Vec<String>,
        /// What could be shown besides, and how.
        hint: Option<String>,
    },
    /// It failed, which it did not before.
    Failed,
    /// It did not run.
    NotRun,
}

/// A build that was made again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedBuild {
    /// The build.
    pub node: NodeName,
    /// What came of it.
    pub came: Came,
}

/// All of them as text; the last line counts.
pub fn text(all: &[VerifiedBuild]) -> String {
    let mut text = String::new();
    for VerifiedBuild { node, came } in all {
        let word = match came {
            Came::Same => "same   ",
            Came::Differs { .. } => "differs",
            Came::Failed => "failed ",
            Came::NotRun => "not run",
        };
        let _ = writeln!(text, "{word}  {node}");
        if let Came::Differs { rival, places, hint } = came {
            if let Some(rival) = rival {
                let told = text_of_rivals("", std::slice::from_ref(rival), false);
                text.extend(told.lines().skip(1).map(|line| format!("{line}\n")));
            }
            text.extend(places.iter().map(|line| format!("    {}\n", plain(line))));
            text.extend(hint.iter().map(|hint| format!("    {hint}\n")));
        }
    }
    let count = |is: fn(&Came) -> bool| all.iter().filter(|one| is(&one.came)).count();
    let same = count(|came| *came == Came::Same);
    let differ = count(|came| matches!(came, Came::Differs { .. }));
    let failed = count(|came| *came == Came::Failed);
    let mut parts = vec![format!("{same} of {} came out the same", all.len())];
    parts.extend((differ > 0).then(|| format!("{differ} differ")));
    parts.extend((failed > 0).then(|| format!("{failed} failed")));
    let _ = writeln!(text, "{}", parts.join(", "));
    text
}

/// When builds were last made again.
pub fn list(all: &[(NodeName, Option<Rebuilt>)]) -> String {
    let line = |(node, rebuilt): &(NodeName, Option<Rebuilt>)| match rebuilt {
        None => format!("never    {node}\n"),
        Some(Rebuilt { when, same, host, .. }) => {
            let came = if *same { "same   " } else { "differs" };
            format!("{came}  {node}  {} on {}\n", date(*when), plain(host))
        }
    };
    all.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::drv::ActionKey;
    use crate::report::rivals::OutputDiff;

    #[test]
    fn what_came_of_it_is_told() {
        let node = |name: &str| format!("build:{name}@debian-12/amd64").parse::<NodeName>().expect("a name");
        let outputs = vec![OutputDiff { output: "packages".to_owned(), files: None }];
        let rival = RivalTold { cache: None, own: (0, "a".to_owned()), other: (60, "b".to_owned()), outputs };
        let places = vec!["a.deb: data/./usr/bin/a: content\u{1b}[2J".to_owned()];
        let differs =
            Came::Differs { rival: Some(Box::new(rival)), places, hint: Some("more with diffoscope".to_owned()) };
        let all = [("a", Came::Same), ("b", differs), ("c", Came::Failed), ("d", Came::NotRun)]
            .map(|(name, came)| VerifiedBuild { node: node(name), came });
        insta::assert_snapshot!(text(&all), @r"
        same     build:a@debian-12/amd64
        differs  build:b@debian-12/amd64
          another result is here, made 1970-01-01T00:01:00Z on b
          the one that counts was made 1970-01-01T00:00:00Z on a
            packages differs; not all of its bytes are here
            a.deb: data/./usr/bin/a: content\u{1b}[2J
            more with diffoscope
        failed   build:c@debian-12/amd64
        not run  build:d@debian-12/amd64
        1 of 4 came out the same, 1 differ, 1 failed
        ");
        let key = ActionKey(Digest::of(b""));
        let rebuilt = |same| Some(Rebuilt { key, node: String::new(), when: 0, same, host: "h".to_owned() });
        insta::assert_snapshot!(list(&[(node("a"), rebuilt(true)), (node("b"), rebuilt(false)), (node("c"), None)]), @r"
        same     build:a@debian-12/amd64  1970-01-01T00:00:00Z on h
        differs  build:b@debian-12/amd64  1970-01-01T00:00:00Z on h
        never    build:c@debian-12/amd64
        ");
    }
}
