//! Documents whose directives were seen before: an emitter writes the same ones on every line, so
//! that they are read once, and the series that they lead to are looked up once.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use serde_json::Value;

use super::directive::{MAX_DIMENSION_VALUE, Shape};
use super::plain::{Piece, Plain};
use super::value::MAX_MAGNITUDE;
use super::{NEWEST_MS, OLDEST_MS};
use crate::metrics::{Identity, MetricStore, Series};

/// Different lists of directives, and different values of one set's dimensions, that are
/// remembered. With more of them everything is forgotten: they are not what emitters repeat.
const MOST: usize = 256;

/// What was seen before.
#[derive(Debug, Default)]
pub(crate) struct Known(Mutex<Memory<str, Vec<Directive>>>);

/// Things by what they were read from.
#[derive(Debug)]
struct Memory<K: ?Sized, T> {
    places: HashMap<Box<K>, usize>,
    things: Vec<T>,
}

impl<K: ?Sized, T> Default for Memory<K, T> {
    fn default() -> Self {
        Self { places: HashMap::new(), things: Vec::new() }
    }
}

impl<K: ?Sized + Hash + Eq, T> Memory<K, T>
where
    for<'k> &'k K: Into<Box<K>>,
{
    /// The thing of a key, made when there is none and it can be made.
    fn get(&mut self, key: &K, make: impl FnOnce() -> Option<T>) -> Option<&mut T> {
        let place = match self.places.get(key) {
            Some(place) => *place,
            None => {
                let made = make()?;
                if self.things.len() >= MOST {
                    self.places.clear();
                    self.things.clear();
                }
                self.places.insert(key.into(), self.things.len());
                self.things.push(made);
                self.things.len() - 1
            }
        };
        self.things.get_mut(place)
    }
}

/// A directive, and where its metrics go.
#[derive(Debug)]
struct Directive {
    shape: Shape,
    /// By the place of the set and the values of its dimensions: a series for each metric. They
    /// live as long as the store wants them to.
    series: Vec<Memory<[u8], Vec<Weak<Series>>>>,
}

impl Known {
    /// Puts the metrics of a document in which nothing is wrong. False, and nothing is put, when
    /// it has to be read with care.
    pub(crate) fn measure(&self, line: &str, now_ms: i64, store: &MetricStore) -> bool {
        self.put(line, now_ms, store).is_some()
    }

    fn put(&self, line: &str, now_ms: i64, store: &MetricStore) -> Option<()> {
        let plain = Plain::read(line)?;
        let window = now_ms.saturating_sub(OLDEST_MS)..=now_ms.saturating_add(NEWEST_MS);
        if !window.contains(&plain.timestamp) {
            return None;
        }
        // What is remembered is whole between any two lines.
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let directives = known.get(plain.directives, || read(plain.directives))?;
        // Looked at before anything is put: a document counts once.
        let values = values(directives, &plain)?;
        let mut values = values.as_slice();
        for directive in directives {
            let (own, rest) = values.split_at_checked(directive.shape.metrics.len())?;
            directive.put(own, &plain, store);
            values = rest;
        }
        Some(())
    }
}

/// Directives in which nothing is wrong.
fn read(text: &str) -> Option<Vec<Directive>> {
    let Value::Array(directives) = serde_json::from_str(text).ok()? else { return None };
    let read = |directive: &Value| {
        let shape = Shape::read(directive)?;
        let series = shape.sets.iter().map(|_| Memory::default()).collect();
        Some(Directive { shape, series })
    };
    directives.iter().map(read).collect()
}

/// The values of all metrics in their order; `None` unless every metric has a number, and every
/// dimension a text that is allowed.
fn values(directives: &[Directive], plain: &Plain<'_>) -> Option<Vec<f64>> {
    let mut values =
        Vec::with_capacity(directives.iter().map(|directive| directive.shape.metrics.len()).sum());
    for Directive { shape, .. } in directives {
        for metric in &shape.metrics {
            let Piece::Number(number) = plain.get(&metric.name)? else { return None };
            values.push(number.parse().ok().filter(|value: &f64| value.abs() <= MAX_MAGNITUDE)?);
        }
        for name in shape.sets.iter().flatten() {
            dimension(plain, name)?;
        }
    }
    Some(values)
}

fn dimension<'a>(plain: &Plain<'a>, name: &str) -> Option<&'a str> {
    match plain.get(name)? {
        // So many bytes are never more characters.
        Piece::Text(value) if !value.is_empty() && value.len() <= MAX_DIMENSION_VALUE => Some(value),
        _ => None,
    }
}

impl Directive {
    /// Puts a value of each metric, in each set of dimensions.
    fn put(&mut self, values: &[f64], plain: &Plain<'_>, store: &MetricStore) {
        let mut key = Vec::with_capacity(128);
        for (set, known) in self.shape.sets.iter().zip(&mut self.series) {
            key.clear();
            for value in set.iter().filter_map(|name| dimension(plain, name)) {
                key.extend_from_slice(value.as_bytes());
                // No text has this byte.
                key.push(0xff);
            }
            let new = || Some(self.shape.metrics.iter().map(|_| Weak::new()).collect());
            let Some(series) = known.get(key.as_slice(), new) else { continue };
            for ((metric, value), series) in self.shape.metrics.iter().zip(values).zip(series) {
                let found = series.upgrade().unwrap_or_else(|| {
                    let of_set = set
                        .iter()
                        .filter_map(|name| Some((name.clone(), dimension(plain, name)?.to_owned())));
                    let found = store.series(Identity {
                        namespace: self.shape.namespace.clone(),
                        name: metric.name.clone(),
                        dimensions: of_set.collect::<BTreeMap<_, _>>(),
                    });
                    *series = Arc::downgrade(&found);
                    found
                });
                found.write(metric.unit, plain.timestamp, metric.high_resolution, |bucket| {
                    bucket.sample(*value, 1.0);
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::emf::extract;

    const NOW: i64 = 1_790_328_012_000;

    /// What a store has: a line for each series and its minutes.
    fn content(store: &MetricStore) -> Vec<String> {
        let mut all: Vec<_> = store.all().iter().map(|series| format!("{series:?}")).collect();
        all.sort();
        all
    }

    /// Puts lines one after the other by both ways; gives how many were plain.
    #[track_caller]
    fn check(lines: &[&str]) -> usize {
        let (quick, careful) = (MetricStore::default(), MetricStore::default());
        let known = Known::default();
        let mut plain = 0;
        for line in lines {
            let line = line.replace("NOW", &NOW.to_string());
            let extraction = extract(&line, NOW);
            if known.measure(&line, NOW, &quick) {
                plain += 1;
                let faults = extraction.as_ref().map(|extraction| extraction.faults.len());
                assert_eq!(faults, Some(0), "{line}");
                extraction
                    .into_iter()
                    .flat_map(|extraction| extraction.data)
                    .for_each(|datum| careful.put(datum));
            }
        }
        assert_eq!(content(&quick), content(&careful), "{lines:?}");
        plain
    }

    fn document(directives: &str, members: &str) -> String {
        format!(r#"{{"_aws":{{"Timestamp":NOW,"CloudWatchMetrics":{directives}}}{members}}}"#)
    }

    const TWO: &str = r#"[{"Namespace":"N","Dimensions":[["A"],["A","B"],[]],"Metrics":[{"Name":"M","Unit":"Count"},{"Name":"L","StorageResolution":1}]},{"Namespace":"O","Dimensions":[["B"]],"Metrics":[{"Name":"M"}]}]"#;

    #[test]
    fn both_ways_put_the_same() {
        let lines: Vec<String> =
            [("a", "b", "1"), ("a", "c", "2.5"), ("ab", "", "1"), ("a", "b", "1"), ("b", "c", "-3")]
                .iter()
                .map(|(a, b, m)| document(TWO, &format!(r#","A":"{a}","B":"{b}","M":{m},"L":7"#)))
                .collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(check(&lines), 4, "all but the one with the empty dimension");
    }

    #[test]
    fn a_document_with_anything_wrong_is_left_to_others() {
        let one =
            |metric: &str| format!(r#"[{{"Namespace":"N","Dimensions":[["A"]],"Metrics":[{metric}]}}]"#);
        let good = one(r#"{"Name":"M"}"#);
        assert_eq!(check(&[&document(&good, r#","A":"a","M":1"#)]), 1);
        for line in [
            document(&good, r#","A":"a","M":"1""#),
            document(&good, r#","A":"a","M":[1]"#),
            document(&good, r#","A":"a""#),
            document(&good, r#","A":5,"M":1"#),
            document(&good, r#","M":1"#),
            document(&good, &format!(r#","A":"{}","M":1"#, "a".repeat(1025))),
            document(&one(r#"{"Name":"M","Unit":"Fortnights"}"#), r#","A":"a","M":1"#),
            document(&one(r#"{"Name":"M","StorageResolution":7}"#), r#","A":"a","M":1"#),
            document(&one(r#"{"Name":" "}"#), r#","A":"a"," ":1"#),
            document(&good.replace("\"N\"", "\"AWS/N\""), r#","A":"a","M":1"#),
            document(&good.replace(r#"["A"]"#, ""), r#","A":"a","M":1"#),
            document(&good, r#","A":"a","M":1"#).replace("NOW", "5"),
        ] {
            assert_eq!(check(&[&line]), 0, "{line}");
        }
    }

    #[test]
    fn many_different_dimensions_are_not_remembered_for_ever() {
        let known = Known::default();
        let store = MetricStore::default();
        for number in 0..3 * MOST {
            let line = document(TWO, &format!(r#","A":"{number}","B":"b","M":1,"L":7"#));
            assert!(known.measure(&line.replace("NOW", &NOW.to_string()), NOW, &store));
        }
        let known = known.0.lock().unwrap();
        let sizes = known.things.iter().flatten().flat_map(|directive| &directive.series);
        assert!(sizes.map(|memory| memory.things.len()).max() <= Some(MOST));
    }

    proptest! {
        #[test]
        fn both_ways_agree(
            members in "(,\"[ABML]\":(\"[a-c\\\\\"n]{0,3}\"|-?[0-9]{1,3}(\\.[0-9]{1,2})?|\\[1\\]|null)){0,6}",
            cut in 0..400_usize,
            noise in "[\\[\\]{}\",:a1 ]{0,2}",
        ) {
            let line = document(TWO, &format!(r#","A":"a","B":"b","M":1,"L":2{members}"#));
            let mut other = line.clone();
            if other.is_char_boundary(cut.min(other.len())) {
                other.insert_str(cut.min(line.len()), &noise);
            }
            check(&[&line, &other, &line]);
        }
    }
}
