//! The address' query, read by ourselves: the router's own map unescapes twice.

use leptos::prelude::*;
use leptos_router::hooks::use_location;

/// Names and values of a query, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Reads `a=b&c=d`, with or without a leading `?`.
    pub fn parse(search: &str) -> Self {
        let pairs = search
            .trim_start_matches('?')
            .split('&')
            .filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(name), decode(value))
                })
                .collect(),
        )
    }

    /// The first value of a name; none where it is empty.
    pub fn get(&self, name: &str) -> Option<String> {
        self.0
            .iter()
            .find(|(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| value.clone())
    }

    /// The same query with one name set to a value, or taken away; as `?…` to append to a path.
    /// A page mark (`before`) and the marks of a failed form (`__…`) do not survive a change.
    pub fn with(&self, name: &str, value: Option<&str>) -> String {
        let kept = self.0.iter().filter(|(key, value)| {
            key != name && key != "before" && !key.starts_with("__") && !value.is_empty()
        });
        let pairs = kept
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .chain(value.map(|value| (name, value)));
        let text: Vec<String> = pairs
            .map(|(key, value)| format!("{}={}", encode(key), encode(value)))
            .collect();
        if text.is_empty() {
            String::new()
        } else {
            format!("?{}", text.join("&"))
        }
    }
}

/// The query of the page's address.
pub fn use_query() -> Memo<Query> {
    let search = use_location().search;
    Memo::new(move |_| Query::parse(&search.get()))
}

/// Makes a text safe as a query's value or a path's segment.
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte.into()),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// `%41` → `A`, `+` → space; what is no escape stays as it is.
fn decode(text: &str) -> String {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let mut ahead = bytes.clone();
                let high = ahead.next().and_then(|digit| char::from(digit).to_digit(16));
                let low = ahead.next().and_then(|digit| char::from(digit).to_digit(16));
                match high
                    .zip(low)
                    .and_then(|(high, low)| u8::try_from(high * 16 + low).ok())
                {
                    Some(decoded) => {
                        out.push(decoded);
                        bytes = ahead;
                    }
                    None => out.push(b'%'),
                }
            }
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_once_not_twice() {
        let query = Query::parse("?search=100%2525+%C3%A9&team=&x");
        assert_eq!(query.get("search").as_deref(), Some("100%25 é"));
        assert_eq!(query.get("team"), None);
        assert_eq!(Query::parse("a=%zz%4").get("a").as_deref(), Some("%zz%4"));
    }

    #[test]
    fn changing_one_filter_keeps_the_others_and_forgets_the_page() {
        let query = Query::parse("team=a%26b&before=12&state=failed&__err=x");
        assert_eq!(query.with("state", Some("x y")), "?team=a%26b&state=x%20y");
        assert_eq!(Query::parse("team=a").with("team", None), "");
    }
}
