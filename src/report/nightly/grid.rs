//! The grid of components and targets: which columns and rows it has, and what stands in each cell.
//!
//! The targets of a distro are one column where each component came to the same on all of them. Rows with something to tell come
//! first; those of components that are built everywhere are *calm*.

use std::collections::{BTreeMap, BTreeSet};

use crate::night::{Cell, CellState};

/// The most rows and columns. More would be no grid to look at.
const MOST_ROWS: usize = 600;
const MOST_COLUMNS: usize = 250;

/// The grid.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Grid<'a> {
    /// Its columns, in the order of distros and arches.
    pub columns: Vec<Column<'a>>,
    /// Its rows, calm ones last, else by name.
    pub rows: Vec<Row<'a>>,
    /// How many components and targets are left out.
    pub left_out: (usize, usize),
    /// How many cells there are of each state, folded or not, left out or not.
    pub counts: BTreeMap<CellState, usize>,
}

/// A column.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Column<'a> {
    /// Its distro.
    pub distro: &'a str,
    /// Its arches; several where they are folded.
    pub arches: Vec<&'a str>,
}

/// A row.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row<'a> {
    /// Its component.
    pub component: &'a str,
    /// Whether it is built, or was, wherever it is for.
    pub calm: bool,
    /// A cell for each column; `None` where the component is not for it.
    pub cells: Vec<Option<Seen<'a>>>,
}

/// A cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen<'a> {
    pub state: CellState,
    /// The version; of a folded cell that of one of its targets.
    pub version: Option<&'a str>,
    /// The first of its targets.
    pub target: &'a str,
}

/// Cells of a component, by target.
type OfComponent<'a> = BTreeMap<&'a str, &'a Cell>;

impl<'a> Grid<'a> {
    pub(super) fn of(cells: &'a [Cell]) -> Self {
        let mut components: BTreeMap<&str, OfComponent<'_>> = BTreeMap::new();
        let mut distros: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        let mut counts = BTreeMap::new();
        for cell in cells {
            let (distro, arch) = cell.target.split_once('/').unwrap_or((&cell.target, ""));
            distros.entry(distro).or_default().insert(arch);
            components.entry(&cell.component).or_default().insert(&cell.target, cell);
            *counts.entry(cell.state).or_default() += 1;
        }
        let mut columns = Vec::new();
        let mut distros = Vec::from_iter(distros);
        distros.sort_by_cached_key(|(distro, _)| by_number(distro));
        for (distro, arches) in &distros {
            if components.values().all(|cells| is_alike(cells, distro)) {
                columns.push(Column { distro, arches: arches.iter().copied().collect() });
            } else {
                columns.extend(arches.iter().map(|arch| Column { distro, arches: vec![*arch] }));
            }
        }
        let no_columns = columns.len().saturating_sub(MOST_COLUMNS);
        columns.truncate(MOST_COLUMNS);
        let row = |(component, cells): (&&'a str, &OfComponent<'a>)| {
            let calm = cells.values().all(|cell| is_good(cell.state));
            Row { component, calm, cells: columns.iter().map(|column| seen(column, cells)).collect() }
        };
        let mut rows: Vec<Row<'_>> = components.iter().map(row).collect();
        // The sort is stable: by name where both are calm or both are not.
        rows.sort_by_key(|row| row.calm);
        let no_rows = rows.len().saturating_sub(MOST_ROWS);
        rows.truncate(MOST_ROWS);
        Self { columns, rows, left_out: (no_rows, no_columns), counts }
    }

    /// How many rows are calm.
    pub(super) fn calm(&self) -> usize {
        self.rows.iter().filter(|row| row.calm).count()
    }
}

/// What brings names into the order of the numbers in them: `debian-9` before `debian-12`.
fn by_number(name: &str) -> Vec<(&str, u64)> {
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| letter.is_ascii_digit()).unwrap_or(rest.len());
        let (words, behind) = rest.split_at(digits);
        let end = behind.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(behind.len());
        let (number, behind) = behind.split_at(end);
        parts.push((words, number.parse().unwrap_or(0)));
        rest = behind;
    }
    parts
}

/// Whether it is what it should be, and was in the nightly before.
fn is_good(state: CellState) -> bool {
    matches!(state, CellState::Clean | CellState::Built)
}

/// The cells of a component for a distro.
fn of_distro<'a>(cells: &OfComponent<'a>, distro: &str) -> impl Iterator<Item = &'a Cell> {
    let is_of = move |target: &str| target.split('/').next() == Some(distro);
    cells.values().copied().filter(move |cell| is_of(&cell.target))
}

/// Whether a component came to the same on all targets of a distro that it is for. Whether it was built just now makes no
/// difference: a change for one arch alone is no reason to show all of them.
fn is_alike(cells: &OfComponent<'_>, distro: &str) -> bool {
    let class = |cell: &Cell| if is_good(cell.state) { CellState::Clean } else { cell.state };
    let classes: BTreeSet<CellState> = of_distro(cells, distro).map(class).collect();
    classes.len() <= 1
}

/// What stands in the cell of a component in a column.
fn seen<'a>(column: &Column<'a>, cells: &OfComponent<'a>) -> Option<Seen<'a>> {
    let of = |cell: &'a Cell| Seen { state: cell.state, version: cell.version.as_deref(), target: &cell.target };
    let is_of_column = |cell: &&Cell| {
        let arch = cell.target.split_once('/').map_or("", |(_, arch)| arch);
        column.arches.contains(&arch)
    };
    // Of clean and built ones, one that was built tells more.
    of_distro(cells, column.distro).filter(is_of_column).map(of).max_by_key(|seen| seen.state)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(component: &str, target: &str, state: CellState) -> Cell {
        Cell { component: component.to_owned(), target: target.to_owned(), state, version: None }
    }

    fn drawn(cells: &[Cell]) -> String {
        let grid = Grid::of(cells);
        let mut text: String =
            grid.columns.iter().map(|column| format!("{}={}\n", column.distro, column.arches.join("+"))).collect();
        for row in &grid.rows {
            let cell = |seen: &Option<Seen<'_>>| seen.map_or(' ', |seen| super::super::summary::state(seen.state).1);
            let cells: String = row.cells.iter().map(cell).collect();
            text += &format!("{}{} {cells}|\n", row.component, if row.calm { "*" } else { "" });
        }
        text
    }

    #[test]
    fn targets_that_are_alike_are_one_column() {
        use CellState::{Built, Clean, NewFailure};
        let cells = [
            cell("a", "d-1/amd64", Clean),
            cell("a", "d-1/arm64", Built),
            cell("a", "d-2/amd64", Clean),
            cell("a", "d-2/arm64", Clean),
            cell("b", "d-1/all", NewFailure),
            cell("b", "d-2/amd64", NewFailure),
            cell("b", "d-2/arm64", Clean),
            cell("c", "d-10", Clean),
        ];
        insta::assert_snapshot!(drawn(&cells), @r"
        d-1=all+amd64+arm64
        d-2=amd64
        d-2=arm64
        d-10=
        b !!· |
        a* ✓·· |
        c*    ·|
        ");
        assert_eq!(Grid::of(&cells).counts[&Clean], 5);
        assert_eq!(drawn(&[]), "");
    }

    #[test]
    fn what_is_too_much_is_counted() {
        let names: Vec<String> = (0..1_000).map(|number| format!("c{number:04}")).collect();
        let mut cells: Vec<Cell> = names.iter().map(|name| cell(name, "d-1/amd64", CellState::Clean)).collect();
        cells.extend(names.iter().map(|name| cell("c0000", &format!("{name}-1/amd64"), CellState::Clean)));
        cells.push(cell("c0999", "c0000-1/amd64", CellState::Blocked));
        let grid = Grid::of(&cells);
        assert_eq!((grid.rows.len(), grid.columns.len(), grid.left_out), (MOST_ROWS, MOST_COLUMNS, (400, 751)));
        assert_eq!((grid.rows[0].component, grid.calm()), ("c0999", MOST_ROWS - 1));
    }
}
