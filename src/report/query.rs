//! Answers about a graph, as text and as JSON (`docs/schema/query.json` describes it).
//!
//! Text is a name a line, so that other tools can go on with it. What else there is to say follows two spaces.

use std::io::{self, Write};

use serde_json::{Value, json};

use crate::graph::{Graph, NodeId};

/// The version of the JSON form.
pub const QUERY_VERSION: u32 = 1;

/// An answer, in words.
pub struct Answer<'a> {
    /// The question's name.
    pub query: &'static str,
    /// What it names: `node`, `component`, `target`.
    pub by: &'static str,
    /// What it says.
    pub found: Found<'a>,
}

/// What an answer says.
pub enum Found<'a> {
    /// Names, some with how many steps it is to them.
    Names(Box<dyn Iterator<Item = (String, Option<u32>)> + 'a>),
    /// Ways, and how many there are.
    Ways {
        /// Those that are told.
        ways: Vec<Vec<Stop>>,
        /// How many there are in all.
        count: u64,
    },
    /// The longest chain.
    Chain(Vec<Stop>),
}

/// A place on a way.
pub struct Stop {
    /// Its name.
    pub name: String,
    /// What the one before reads it as, if that is one thing.
    pub role: Option<String>,
}

/// The stops of a way of nodes, called by `name`; roles where a stop is a node.
pub fn stops(graph: &Graph, way: &[NodeId], name: &dyn Fn(NodeId) -> String, roles: bool) -> Vec<Stop> {
    let role = |place: usize, id: NodeId| {
        let before = graph.node(*way.get(place.checked_sub(1)?)?);
        before.inputs().find(|input| input.node == id).map(|input| input.role.to_owned())
    };
    let stop =
        |(place, id): (usize, &NodeId)| Stop { name: name(*id), role: if roles { role(place, *id) } else { None } };
    way.iter().enumerate().map(stop).collect()
}

/// Writes an answer as text.
///
/// # Errors
/// Those of `to`.
pub fn text(to: &mut dyn Write, answer: Answer<'_>) -> io::Result<()> {
    match answer.found {
        Found::Names(names) => names.into_iter().try_for_each(|(name, _)| writeln!(to, "{name}")),
        Found::Ways { ways, count } => {
            for (place, way) in ways.iter().enumerate() {
                if place > 0 {
                    writeln!(to)?;
                }
                write_stops(to, way)?;
            }
            match count.saturating_sub(ways.len() as u64) {
                0 => Ok(()),
                _ if ways.len() == 1 => Ok(()),
                _ if count == u64::MAX => writeln!(to, "\n… and more than can be counted"),
                more => writeln!(to, "\n… and {more} more as short"),
            }
        }
        Found::Chain(chain) => write_stops(to, &chain),
    }
}

fn write_stops(to: &mut dyn Write, way: &[Stop]) -> io::Result<()> {
    let width = way.iter().filter(|stop| stop.role.is_some()).map(|stop| stop.name.len()).max().unwrap_or(0);
    for Stop { name, role } in way {
        match role {
            None => writeln!(to, "{name}")?,
            Some(role) => writeln!(to, "{name:width$}  as {role}")?,
        }
    }
    Ok(())
}

/// Writes an answer as one JSON object.
///
/// # Errors
/// Those of `to`.
pub fn as_json(to: &mut dyn Write, answer: Answer<'_>) -> io::Result<()> {
    write!(to, "{{\"version\":{QUERY_VERSION},\"query\":\"{}\",\"by\":\"{}\",", answer.query, answer.by)?;
    let stops = |way: &[Stop]| -> Value {
        let stop = |stop: &Stop| match &stop.role {
            None => json!({ "name": stop.name }),
            Some(role) => json!({ "name": stop.name, "role": role }),
        };
        way.iter().map(stop).collect()
    };
    match answer.found {
        Found::Names(names) => {
            write!(to, "\"results\":[")?;
            for (place, (name, distance)) in names.enumerate() {
                if place > 0 {
                    write!(to, ",")?;
                }
                let result = match distance {
                    None => json!({ "name": name }),
                    Some(distance) => json!({ "name": name, "distance": distance }),
                };
                serde_json::to_writer(&mut *to, &result)?;
            }
            write!(to, "]")?;
        }
        Found::Ways { ways, count } => {
            let ways: Vec<Value> = ways.iter().map(|way| stops(way)).collect();
            write!(to, "\"count\":{count},\"paths\":{}", Value::Array(ways))?;
        }
        Found::Chain(chain) => write!(to, "\"length\":{},\"chain\":{}", chain.len(), stops(&chain))?,
    }
    writeln!(to, "}}")
}
