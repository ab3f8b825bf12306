//! Which route a request takes: "Routing API requests" in API Gateway's guide to HTTP APIs.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

/// A route key, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RouteKey {
    /// `None` is `ANY`.
    method: Option<String>,
    segments: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    /// `{name}`
    Variable(String),
    /// `{name+}`: the rest of the path.
    Greedy(String),
}

/// How well a route fits; the greatest is taken.
///
/// A full match comes before a greedy one, which comes before `$default` (which is no key of this kind); among equals a
/// method comes before `ANY`, and literals before variables.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Fit {
    full: bool,
    literals: usize,
    method: bool,
}

impl RouteKey {
    /// Reads `POST /items/{id}`; `None` for `$default`.
    pub(super) fn parse(key: &str) -> Option<Self> {
        let (method, path) = key.split_once(' ')?;
        let method = (method != "ANY").then(|| method.to_owned());
        let segments = segments(path).map(|segment| {
            match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                None => Segment::Literal(segment.to_owned()),
                Some(name) => match name.strip_suffix('+') {
                    Some(name) => Segment::Greedy(name.to_owned()),
                    None => Segment::Variable(name.to_owned()),
                },
            }
        });
        Some(Self { method, segments: segments.collect() })
    }

    /// How the route fits a request, with the path's parameters.
    pub(super) fn fit(&self, method: &str, path: &str) -> Option<(Fit, BTreeMap<String, String>)> {
        if self.method.as_deref().is_some_and(|own| own != method) {
            return None;
        }
        let mut rest = segments(path);
        let mut fit = Fit { full: true, literals: 0, method: self.method.is_some() };
        let mut parameters = BTreeMap::new();
        for segment in &self.segments {
            match segment {
                Segment::Greedy(name) => {
                    let all: Vec<&str> = rest.collect();
                    fit.full = false;
                    parameters.insert(name.clone(), decoded(&all.join("/")));
                    return (!all.is_empty()).then_some((fit, parameters));
                }
                Segment::Literal(literal) => {
                    fit.literals += 1;
                    if rest.next() != Some(literal) {
                        return None;
                    }
                }
                Segment::Variable(name) => {
                    let value = rest.next().filter(|value| !value.is_empty())?;
                    parameters.insert(name.clone(), decoded(value));
                }
            }
        }
        rest.next().is_none().then_some((fit, parameters))
    }
}

/// What stands between slashes; a slash at the end makes no difference.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    let path = path.strip_prefix('/').unwrap_or(path);
    let path = path.strip_suffix('/').unwrap_or(path);
    path.split('/').filter(move |_| !path.is_empty())
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key that a request takes out of these, and its parameters.
    #[track_caller]
    fn check(request: &str, expected: &str) {
        let keys = [
            "GET /items/{id}",
            "ANY /items/{id}",
            "GET /items/new",
            "POST /{proxy+}",
            "ANY /a/{rest+}",
            "GET /",
        ];
        let (method, path) = request.split_once(' ').unwrap();
        let fits = keys.iter().filter_map(|key| Some((RouteKey::parse(key)?.fit(method, path)?, key)));
        let taken = fits.max_by(|((one, _), _), ((other, _), _)| one.cmp(other));
        let told = taken.map_or("none".to_owned(), |((_, parameters), key)| format!("{key} {parameters:?}"));
        assert_eq!(told, expected, "{request}");
    }

    #[test]
    fn the_most_specific_route_is_taken() {
        check("GET /items/7", r#"GET /items/{id} {"id": "7"}"#);
        check("DELETE /items/a%2Fb", r#"ANY /items/{id} {"id": "a/b"}"#);
        check("GET /items/new", "GET /items/new {}");
        check("GET /items/new/", "GET /items/new {}");
        check("POST /x/y", r#"POST /{proxy+} {"proxy": "x/y"}"#);
        check("POST /a/b/c", r#"ANY /a/{rest+} {"rest": "b/c"}"#);
        check("GET /", "GET / {}");
        check("POST /", "none");
        check("GET /items", "none");
        check("GET /items/7/8", "none");
    }
}
