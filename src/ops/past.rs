//! The project as it was at a revision of its git repository, evaluated, and what changed since.

use crate::diag::Failure;
use crate::eval::{self, weave};
use crate::graph::{Graph, NodeId};
use crate::lock::Lock;
use crate::project::Project;

/// A project's earlier state.
pub struct Past {
    /// The commit's id, in hexadecimal.
    pub commit: String,
    /// Its distros and components then.
    pub evaluated: eval::Project,
    /// Its lock then.
    pub lock: Lock,
    /// Everything that was pinned then.
    pub graph: Graph,
}

/// Evaluates `project` as it was at `revision`: a commit, a branch, a tag, or what else git understands.
///
/// # Errors
/// Where there is no such revision, or what was there does not evaluate.
pub fn past(project: &Project, revision: &str) -> Result<Past, Failure> {
    let then = project.at(revision)?;
    let evaluate = || -> Result<Past, Failure> {
        let evaluated = super::watch::evaluate(&then)?;
        let lock = then.lock()?;
        let woven = weave::weave(&evaluated, &lock, &then.settings()?, &|asked| then.look_at(asked))?;
        Ok(Past { commit: then.id().to_owned(), evaluated, lock, graph: woven.graph })
    };
    evaluate().map_err(|failure| {
        // Without this, the lines underlined below would be looked for in today's files.
        let report = failure.report.wrap_err(format!("the project as it was at `{revision}` cannot be evaluated"));
        Failure { cause: failure.cause, report }
    })
}

/// The nodes of `now`, in order, that `then` has not, or with another derivation. A derivation names its inputs, so
/// what reads a changed node is changed too.
pub fn changed(now: &Graph, then: &Graph) -> Vec<NodeId> {
    let then = then.names();
    let is_same = |id: &NodeId| {
        let node = now.node(*id);
        then.find(node).is_some_and(|before| before.id() == node.id())
    };
    now.ids().filter(|id| !is_same(id)).collect()
}

/// How many nodes of `then` are not in `now`.
pub fn gone(now: &Graph, then: &Graph) -> usize {
    let now = now.names();
    then.ids().filter(|id| now.find(then.node(*id)).is_none()).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::small::chain;

    #[test]
    fn what_reads_a_changed_node_changed_too() {
        let (now, then) = (chain("2"), chain("1"));
        let names: Vec<String> = changed(&now, &then).into_iter().map(|id| now.node(id).to_string()).collect();
        assert_eq!(names, ["build:a@d/amd64", "root:b@d/amd64", "build:b@d/amd64", "repo:nightly@d"]);
        assert_eq!(changed(&now, &now), []);
        assert_eq!(changed(&now, &Graph::default()).len(), now.len());
        assert_eq!((gone(&now, &then), gone(&Graph::default(), &then)), (0, then.len()));
    }
}
