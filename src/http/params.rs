//! Form and query parameters, read strictly.

use percent_encoding::percent_decode;
use thiserror::Error;

const MAX_PARAMS: usize = 64;

/// Parameters in alphabetical order of their names. An empty value counts as absent (OAuth 2.1 §3.1, §3.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Params(Vec<(String, Vec<String>)>);

/// Why parameters could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ParamsError {
    /// The bytes behind the percent-encoding are not UTF-8.
    #[error("parameters must be UTF-8 text")]
    NotText,
    /// Longer than any request needs.
    #[error("the request is too long")]
    TooLong,
}

/// A parameter that may come once came more often (OAuth 2.1 §3.1: "MUST NOT be included more than once").
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a parameter must not be repeated")]
pub struct Repeated;

impl Params {
    /// Reads `name=value` pairs joined by `&` (`application/x-www-form-urlencoded`).
    pub fn parse(bytes: &[u8]) -> Result<Self, ParamsError> {
        let mut params = Self::default();
        for (count, pair) in bytes
            .split(|byte| *byte == b'&')
            .filter(|pair| !pair.is_empty())
            .enumerate()
        {
            if count == MAX_PARAMS {
                return Err(ParamsError::TooLong);
            }
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            let name = decode(halves.next().unwrap_or_default())?;
            let value = decode(halves.next().unwrap_or_default())?;
            if !value.is_empty() {
                params.add(name, value);
            }
        }
        Ok(params)
    }

    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(own, _)| own.as_str().cmp(name))
    }

    fn add(&mut self, name: String, value: String) {
        match self.place(&name) {
            Ok(at) => {
                if let Some((_, values)) = self.0.get_mut(at) {
                    values.push(value);
                }
            }
            Err(at) => self.0.insert(at, (name, vec![value])),
        }
    }

    /// The value of a parameter that may come once.
    pub fn one(&self, name: &str) -> Result<Option<&str>, Repeated> {
        match self.all(name) {
            [] => Ok(None),
            [value] => Ok(Some(value)),
            _ => Err(Repeated),
        }
    }

    /// Every value of a parameter that may repeat, as `resource` may (RFC 8707 §2).
    pub fn all(&self, name: &str) -> &[String] {
        let found = self.place(name).ok().and_then(|at| self.0.get(at));
        found.map_or(&[], |(_, values)| values.as_slice())
    }

    /// Every parameter, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .flat_map(|(name, values)| values.iter().map(move |value| (name.as_str(), value.as_str())))
    }

    /// The same, with every value of one parameter rewritten.
    pub fn rewriting(mut self, name: &str, rewrite: impl Fn(&str) -> String) -> Self {
        let place = self.place(name).ok();
        let values = place.and_then(|at| self.0.get_mut(at)).map(|(_, values)| values);
        for value in values.into_iter().flatten() {
            *value = rewrite(value);
        }
        self
    }

    /// The name of a parameter that came more than once, other than those in `may_repeat`.
    pub fn repeated(&self, may_repeat: &[&str]) -> Option<&str> {
        let mut repeated = self.0.iter().filter(|(_, values)| values.len() > 1);
        repeated
            .find(|(name, _)| !may_repeat.contains(&name.as_str()))
            .map(|(name, _)| name.as_str())
    }
}

impl FromIterator<(String, String)> for Params {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        let mut params = Self::default();
        for (name, value) in pairs {
            params.add(name, value);
        }
        params
    }
}

fn decode(bytes: &[u8]) -> Result<String, ParamsError> {
    let spaced: Vec<u8> = bytes
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    let text = percent_decode(&spaced)
        .decode_utf8()
        .map_err(|_| ParamsError::NotText)?;
    Ok(text.into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(text: &str) -> Params {
        Params::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn values_are_decoded_and_empty_ones_count_as_absent() {
        let params = parse("a=1+2%2B3&b=&c&&=x&d=%F0%9F%97%9D");
        assert_eq!(params.one("a"), Ok(Some("1 2+3")));
        assert_eq!(params.one("b"), Ok(None));
        assert_eq!(params.one("c"), Ok(None));
        assert_eq!(params.one("d"), Ok(Some("🗝")));
        assert_eq!(params.one("absent"), Ok(None));
    }

    #[test]
    fn a_repeated_parameter_is_refused_even_with_equal_values() {
        let params = parse("a=1&a=1&r=x&r=y");
        assert_eq!(params.one("a"), Err(Repeated));
        assert_eq!(params.repeated(&["r"]), Some("a"));
        assert_eq!(params.repeated(&["a", "r"]), None);
        assert_eq!(params.all("r"), ["x", "y"]);
    }

    #[test]
    fn rewriting_a_parameter_changes_each_of_its_values_and_no_other() {
        let upper = parse("a=x&b=x&b=y").rewriting("b", str::to_uppercase);
        assert_eq!(
            (upper.all("a"), upper.all("b")),
            (&["x".into()][..], &["X".into(), "Y".into()][..])
        );
        assert_eq!(parse("a=x").rewriting("b", str::to_uppercase), parse("a=x"));
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        for bad in ["a=%FF", "%C3%28=x", "a=%ED%A0%80"] {
            assert_eq!(Params::parse(bad.as_bytes()), Err(ParamsError::NotText), "{bad}");
        }
    }

    #[test]
    fn more_parameters_than_any_request_needs_are_refused() {
        let many = "a=1&".repeat(MAX_PARAMS + 1);
        assert_eq!(Params::parse(many.as_bytes()), Err(ParamsError::TooLong));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused_without_panic(bytes: Vec<u8>) {
            let _ = Params::parse(&bytes);
        }
    }
}
