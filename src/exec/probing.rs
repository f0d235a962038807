//! Nodes of probes: a command in a base root, and the one line that it says.

use super::context::{Context, Job};
use super::error::NodeError;
use super::guest::telling;
use super::outputs::{self, Left};
use super::scripts::{self, Ran, Task};
use super::sources::{insert, one};
use crate::diag::Failure;
use crate::digest::Digest;
use crate::drv::{ActionKey, Script};
use crate::family::probe::{MAX_VALUE, VALUE, command};
use crate::sandbox::Limits;
use crate::tree::{Entry, Tree};

/// What a probe may take: it asks, and builds nothing.
const LIMITS: Limits = Limits { wall_seconds: Some(300), silence_seconds: None, log_bytes: 1 << 20, ..Limits::NONE };

/// Runs the probe `script`; its output is a tree of one file.
///
/// # Errors
/// Where the command fails, or what it says is no value.
pub fn probe(ctx: &Context<'_>, job: &Job<'_>, key: ActionKey, script: &Script) -> Result<Ran, Failure> {
    let take = |left: &Left<'_>| {
        // Whatever else the command has laid there is dropped.
        let said = outputs::beginning(left, VALUE, VALUE, MAX_VALUE as u64 + 1)?;
        let value = value(said.as_deref()).map_err(|why| NodeError::Script {
            node: left.node.to_owned(),
            how: format!("the probe `{}` {why}", command(script)),
            telling: telling(left.text),
            log: Some(left.log),
        })?;
        let mut tree = Tree::default();
        let (digest, size) = (ctx.store.put_bytes(value.as_bytes())?, value.len() as u64);
        insert(&mut tree, VALUE, Entry::File { digest, size, executable: false })?;
        Ok(one(VALUE, ctx.store.put_tree(&tree)?))
    };
    scripts::run(ctx, job, &Task { key, script, env: &[], check: None, before: None, limits: &LIMITS, take: &take })
}

/// The bytes of the file with the value, one more than it may have at most; `None` where there is no such file.
pub fn said(ctx: &Context<'_>, tree: Digest) -> Result<Option<Vec<u8>>, Failure> {
    let tree = ctx.store.get_tree(tree)?;
    let file = tree.files().find(|(path, ..)| path.as_bytes() == VALUE.as_bytes());
    let Some((_, digest, _)) = file else { return Ok(None) };
    Ok(Some(ctx.store.read_object(digest, MAX_VALUE as u64 + 1)?))
}

/// The value that a command says, or what is wrong with it.
fn value(said: Option<&[u8]>) -> Result<&str, String> {
    let said = said.ok_or("has left no plain file with what it said")?;
    if said.len() > MAX_VALUE {
        return Err(format!("said more than {MAX_VALUE} bytes"));
    }
    let text = std::str::from_utf8(said).map_err(|_| "said something that is no UTF-8".to_owned())?;
    let value = text.trim_end_matches('\n');
    match value.chars().find(|c| c.is_control()) {
        _ if value.is_empty() => Err("said nothing".to_owned()),
        Some('\n') => Err("said more than one line".to_owned()),
        Some(c) => Err(format!("said a control character, `{}`", c.escape_default())),
        None => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_line_of_text() {
        assert_eq!(value(Some(b"12\n\n")), Ok("12"));
        assert_eq!(value(Some(" 12 é ".as_bytes())), Ok(" 12 é "));
        assert_eq!(value(None), Err("has left no plain file with what it said".to_owned()));
        assert_eq!(value(Some(&[b'a'; 4096])).map(str::len), Ok(4096));
        for (said, why) in [
            (b"" as &[u8], "said nothing"),
            (b"\n", "said nothing"),
            (b"1\n2\n", "said more than one line"),
            (b"\n2", "said more than one line"),
            (b"a\0b", "said a control character, `\\u{0}`"),
            (b"\x1b]0;x\x07", "said a control character, `\\u{1b}`"),
            ("\u{9b}31m".as_bytes(), "said a control character, `\\u{9b}`"),
            (b"\xff", "said something that is no UTF-8"),
            (&[b'\n'; 4097], "said more than 4096 bytes"),
        ] {
            assert_eq!(value(Some(said)), Err(why.to_owned()), "{said:?}");
        }
    }
}
