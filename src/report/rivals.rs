//! Other results of a step, as text: which outputs differ, and which files in them.

use std::fmt::Write as _;

use super::causes::date;
use super::plain;

/// How many files of an output are listed unless all are wanted.
const MOST_FILES: usize = 20;

/// Another result, compared with the one that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RivalTold {
    /// The cache that has it; `None` where it was made here.
    pub cache: Option<String>,
    /// When the one that counts was made, in seconds since 1970, and on which host.
    pub own: (i64, String),
    /// The same of the other.
    pub other: (i64, String),
    /// The outputs that differ, by name.
    pub outputs: Vec<OutputDiff>,
}

/// An output that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputDiff {
    /// Its name.
    pub output: String,
    /// The files that differ, by path; `None` where the bytes of one side are not here.
    pub files: Option<Vec<FileDiff>>,
}

/// A file that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDiff {
    /// Its path.
    pub path: String,
    /// What it is in the result that counts; `None` where it is not there.
    pub own: Option<String>,
    /// What it is in the other.
    pub other: Option<String>,
}

/// Other results of `node`.
pub fn text(node: &str, rivals: &[RivalTold], all: bool) -> String {
    let mut text = format!("{}\n", plain(node));
    for rival in rivals {
        let place =
            rival.cache.as_ref().map_or_else(|| "here".to_owned(), |cache| format!("in the cache {}", plain(cache)));
        let ((when, host), (since, at)) = (&rival.other, &rival.own);
        let _ = writeln!(text, "  another result is {place}, made {} on {}", date(*when), plain(host));
        let _ = writeln!(text, "  the one that counts was made {} on {}", date(*since), plain(at));
        for output in &rival.outputs {
            let Some(files) = &output.files else {
                let _ = writeln!(text, "    {} differs; not all of its bytes are here", output.output);
                continue;
            };
            let _ = writeln!(text, "    {}", output.output);
            let most = if all { files.len() } else { MOST_FILES };
            for file in files.iter().take(most) {
                let side = |side: &Option<String>| side.clone().unwrap_or_else(|| "absent".to_owned());
                let _ = writeln!(text, "      {}: {}, there {}", plain(&file.path), side(&file.own), side(&file.other));
            }
            if files.len() > most {
                let _ = writeln!(text, "      and {} more: `--all` lists them", files.len() - most);
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_told() {
        let file = FileDiff { path: "a.deb".to_owned(), own: Some("3 bytes".to_owned()), other: None };
        let outputs = vec![
            OutputDiff { output: "debug".to_owned(), files: None },
            OutputDiff { output: "packages".to_owned(), files: Some(vec![file]) },
        ];
        let rival = RivalTold {
            cache: Some("office".to_owned()),
            own: (0, "a".to_owned()),
            other: (60, "b".to_owned()),
            outputs,
        };
        insta::assert_snapshot!(text("build:a@debian-12/all", &[rival], false), @r"
        build:a@debian-12/all
          another result is in the cache office, made 1970-01-01T00:01:00Z on b
          the one that counts was made 1970-01-01T00:00:00Z on a
            debug differs; not all of its bytes are here
            packages
              a.deb: 3 bytes, there absent
        ");
    }
}
