//! The graph as a picture (SVG): boxes of components with their nodes inside, coloured by kind and state.
//!
//! ```text
//! boxes.rs    nodes ─► boxes with pills in them, or a box for each component where there are many nodes
//! thin.rs     which arrows say nothing that others do not
//! layout.rs   places (layers.rs, order.rs, place.rs)
//! draw.rs     SVG (style.rs: colours, for light and dark backgrounds)
//! ```
//!
//! The same graph gives the same bytes. Fonts are the viewer's, so widths are estimates with room to spare.

mod boxes;
mod draw;
mod layers;
mod layout;
mod order;
mod place;
mod style;
#[cfg(test)]
mod tests;
mod thin;

pub(super) use draw::{n, text};
pub(super) use style::{sheet, width};

use std::io::{self, Write};

use boxes::Sketch;

use super::graph::Shown;
use crate::diag::{Cause, Caused};

/// The most nodes that are shown one by one unless asked for.
pub const MAX_NODES: usize = 300;

/// The most boxes of a picture. More would be one grey area.
pub const MAX_BOXES: usize = 3_000;

/// How much a picture shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Every node.
    Nodes,
    /// A box for each component, over all its targets.
    Components,
}

impl Detail {
    /// What suits that many nodes.
    pub fn suiting(nodes: usize) -> Self {
        if nodes > MAX_NODES { Self::Components } else { Self::Nodes }
    }
}

/// A picture that cannot be drawn.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
pub enum PictureError {
    /// More boxes than an eye can tell apart.
    #[error("a picture of {boxes} boxes would show nothing: it has room for {MAX_BOXES}")]
    #[diagnostic(
        code(opb::report::large_picture),
        help("select fewer nodes, show a box for each component (`--detail components`), or take `--format dot`")
    )]
    Large {
        /// How many boxes there would be.
        boxes: usize,
    },
}

impl Caused for PictureError {
    fn fault(&self) -> Cause {
        Cause::Input
    }
}

/// A picture, ready to be written.
pub struct Picture(draw::Drawing);

impl Picture {
    /// The picture of what is `shown`.
    ///
    /// # Errors
    /// [`PictureError`] where there are too many.
    pub fn new(shown: Shown<'_>, detail: Detail) -> Result<Self, PictureError> {
        let Shown { graph, nodes, plan } = shown;
        let sketch = match detail {
            Detail::Nodes => Sketch::of_nodes(graph, nodes, plan),
            Detail::Components => Sketch::of_components(graph, nodes, plan),
        };
        if sketch.boxes.len() > MAX_BOXES {
            return Err(PictureError::Large { boxes: sketch.boxes.len() });
        }
        Ok(Self(draw::Drawing::new(sketch)))
    }

    /// Writes it as an SVG file.
    ///
    /// # Errors
    /// Those of `to`.
    pub fn write(&self, to: &mut dyn Write) -> io::Result<()> {
        self.0.write(to)
    }
}
