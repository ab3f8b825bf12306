//! The rows of an answer, as a table has them.

/// What a query has found.
#[derive(Debug)]
pub(super) struct Answer {
    /// The columns in their order, without `@ptr`.
    pub(super) columns: Vec<String>,
    /// A cell for each column; a missing value has none.
    pub(super) rows: Vec<Vec<Option<String>>>,
    pub(super) read: Read,
}

/// What it has read.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Read {
    pub(super) matched: f64,
    pub(super) scanned: f64,
    pub(super) bytes: f64,
}

impl Answer {
    /// From rows in which missing values are left out.
    pub(super) fn new(rows: Vec<Vec<(String, String)>>, read: Read) -> Self {
        let mut columns: Vec<String> = Vec::new();
        for row in &rows {
            // A name that was not there before stands after the one that it follows.
            let mut next = 0;
            for (name, _) in row.iter().filter(|(name, _)| name != "@ptr") {
                match columns.iter().position(|known| known == name) {
                    Some(place) => next = place + 1,
                    None => {
                        columns.insert(next, name.clone());
                        next += 1;
                    }
                }
            }
        }
        let rows = rows.into_iter().map(|row| spread(row, &columns)).collect();
        Self { columns, rows, read }
    }

    /// The values of a column.
    pub(super) fn column(&self, place: usize) -> impl Iterator<Item = &str> {
        self.rows.iter().filter_map(move |row| row.get(place)?.as_deref())
    }
}

fn spread(row: Vec<(String, String)>, columns: &[String]) -> Vec<Option<String>> {
    let mut cells = vec![None; columns.len()];
    for (name, value) in row {
        let place = columns.iter().position(|known| *known == name);
        if let Some(cell) = place.and_then(|place| cells.get_mut(place)) {
            *cell = Some(value);
        }
    }
    cells
}
