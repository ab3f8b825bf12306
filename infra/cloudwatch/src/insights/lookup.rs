//! Lookup tables: CSV that queries take values from (CloudWatch user guide, "lookup" and
//! "cidrlookup").

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

use thiserror::Error;

use super::ast::{Alias, Span};
use super::csv;
use super::error::{Compiled, Fault};
use super::value::Value;

/// Bytes of a table (lookup page).
const MOST_BYTES: usize = 10 << 20;

/// A lookup table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// Why a text is no lookup table.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TableError {
    /// It is longer than a table may be.
    #[error("a lookup table has at most 10 MB")]
    TooLarge,
    /// There is no first row.
    #[error("a lookup table begins with a row of column names")]
    NoHeader,
    /// A column has no name, or the name of another one.
    #[error("the column names of a lookup table are different and not empty, which '{0}' is not")]
    Column(String),
    /// A row is longer or shorter than the first one.
    #[error("row {row} of the lookup table has {found} columns, and the first one {expected}")]
    Uneven {
        /// Counted from 1, the row of names.
        row: usize,
        /// Its columns.
        found: usize,
        /// Those of the first one.
        expected: usize,
    },
    /// A quote has no partner.
    #[error("a quote of the lookup table is not closed")]
    Quote,
}

impl Table {
    /// Reads CSV with a first row of names.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, TableError> {
        if text.len() > MOST_BYTES {
            return Err(TableError::TooLarge);
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut rows = csv::rows(text).ok_or(TableError::Quote)?.into_iter();
        let columns = rows.next().ok_or(TableError::NoHeader)?;
        for (place, name) in columns.iter().enumerate() {
            if name.is_empty() || columns.iter().take(place).any(|other| other == name) {
                return Err(TableError::Column(name.clone()));
            }
        }
        let rows: Vec<_> = rows.collect();
        let expected = columns.len();
        if let Some((place, row)) = rows.iter().enumerate().find(|(_, row)| row.len() != expected) {
            return Err(TableError::Uneven { row: place + 2, found: row.len(), expected });
        }
        Ok(Self { columns, rows })
    }

    /// The names of its columns.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Its rows, without that of the names.
    #[must_use]
    pub fn count(&self) -> usize {
        self.rows.len()
    }

    fn place(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|name| name == column)
    }
}

/// What a query wants of a table.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) table: Alias,
    pub(super) by: WantedBy,
    pub(super) outputs: Vec<Alias>,
}

/// The columns that are compared.
#[derive(Debug, Clone)]
pub(super) enum WantedBy {
    Equal(Vec<Alias>),
    /// None is the first column that has nothing but ranges.
    Range(Option<Alias>),
}

/// A table as one command looks into it.
#[derive(Debug)]
pub(super) struct Index {
    found: Found,
    /// The wanted cells of each row; an empty cell is a missing value.
    cells: Vec<Vec<Value<'static>>>,
}

#[derive(Debug)]
enum Found {
    Equal(HashMap<Vec<String>, usize>),
    /// Rows by network, for each length of a prefix; the longest first.
    Range(Vec<(u32, HashMap<IpAddr, usize>)>),
}

impl Index {
    /// Makes ready what a command needs.
    pub(super) fn new(wanted: &Wanted, tables: &BTreeMap<String, std::sync::Arc<Table>>) -> Compiled<Self> {
        let name = &wanted.table.name;
        let Some(table) = tables.get(name) else {
            let message = format!("the lookup table '{name}' does not exist");
            return Err(Fault::new(wanted.table.span.clone(), message));
        };
        let place = |column: &Alias| {
            table.place(&column.name).ok_or_else(|| {
                let known = table.columns.iter().map(String::as_str);
                let kind = format!("column of the lookup table '{name}':");
                Fault::unknown(column.span.clone(), &kind, &column.name, known)
            })
        };
        let outputs = wanted.outputs.iter().map(place).collect::<Compiled<Vec<_>>>()?;
        let cell = |row: &Vec<String>, place: &usize| match row.get(*place) {
            Some(text) if !text.is_empty() => Value::text(text.clone()),
            _ => Value::Null,
        };
        let cells = table.rows.iter().map(|row| outputs.iter().map(|place| cell(row, place)).collect());
        let found = match &wanted.by {
            WantedBy::Equal(columns) => {
                let places = columns.iter().map(place).collect::<Compiled<Vec<_>>>()?;
                equal(table, &places)
            }
            WantedBy::Range(column) => {
                let place = match column {
                    Some(column) => place(column)?,
                    None => column_of_ranges(table, &wanted.table.span)?,
                };
                ranges(table, place)
            }
        };
        Ok(Self { cells: cells.collect(), found })
    }

    /// The wanted cells of the row that has these keys.
    pub(super) fn find(&self, keys: &[Value<'_>]) -> Option<&[Value<'static>]> {
        let row = match &self.found {
            Found::Equal(rows) => {
                let keys: Option<Vec<String>> =
                    keys.iter().map(|key| Some(key.as_text()?.into_owned())).collect();
                rows.get(&keys?)
            }
            Found::Range(lengths) => {
                let address: IpAddr = keys.first()?.as_text()?.trim().parse().ok()?;
                lengths.iter().find_map(|(bits, rows)| rows.get(&network(address, *bits)?))
            }
        };
        self.cells.get(*row?).map(Vec::as_slice)
    }
}

/// The first of equal rows counts.
fn equal(table: &Table, places: &[usize]) -> Found {
    let mut rows = HashMap::new();
    for (at, row) in table.rows.iter().enumerate() {
        let key: Option<Vec<String>> = places.iter().map(|place| row.get(*place).cloned()).collect();
        if let Some(key) = key {
            rows.entry(key).or_insert(at);
        }
    }
    Found::Equal(rows)
}

fn column_of_ranges(table: &Table, span: &Span) -> Compiled<usize> {
    let is_range =
        |place: usize| table.rows.iter().all(|row| row.get(place).is_some_and(|text| range(text).is_some()));
    (0..table.columns.len()).find(|place| !table.rows.is_empty() && is_range(*place)).ok_or_else(|| {
        Fault::new(
            span.clone(),
            "no column of this lookup table has nothing but CIDR ranges; name one with AS",
        )
    })
}

fn ranges(table: &Table, place: usize) -> Found {
    let mut lengths: BTreeMap<u32, HashMap<IpAddr, usize>> = BTreeMap::new();
    for (at, row) in table.rows.iter().enumerate() {
        let Some((address, bits)) = row.get(place).and_then(|text| range(text)) else { continue };
        if let Some(network) = network(address, bits) {
            lengths.entry(bits).or_default().entry(network).or_insert(at);
        }
    }
    Found::Range(lengths.into_iter().rev().collect())
}

/// `192.0.2.0/24`, or one address.
fn range(text: &str) -> Option<(IpAddr, u32)> {
    let text = text.trim();
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address.parse::<IpAddr>().ok()?, bits.parse().ok()?),
        None => {
            let address = text.parse::<IpAddr>().ok()?;
            (address, width(address))
        }
    };
    (bits <= width(address)).then_some((address, bits))
}

const fn width(address: IpAddr) -> u32 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// An address without the bits after the first `bits`.
fn network(address: IpAddr, bits: u32) -> Option<IpAddr> {
    let spare = width(address).checked_sub(bits)?;
    Some(match address {
        IpAddr::V4(ip) => IpAddr::V4((u32::from(ip) & u32::MAX.checked_shl(spare).unwrap_or(0)).into()),
        IpAddr::V6(ip) => IpAddr::V6((u128::from(ip) & u128::MAX.checked_shl(spare).unwrap_or(0)).into()),
    })
}
