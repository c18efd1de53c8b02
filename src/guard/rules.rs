//! The route rules of an API: which scopes a call needs, by its method and path. What no rule names is refused.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use thiserror::Error;

use super::path::CallPath;
use crate::oauth::scope::Scopes;

/// How many rules an API may have.
pub const MAX_RULES: usize = 1000;
const MAX_PATTERN: usize = 512;
/// The methods a rule may name (RFC 9110 §9, RFC 5789). `OPTIONS` is asked without a token by browsers, before the call.
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/// The rules of one API, those that say most about a path first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RouteRules(Vec<RouteRule>);

/// What calls by some methods to some paths need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteRule {
    /// Empty: any.
    methods: BTreeSet<String>,
    pattern: Pattern,
    need: Need,
}

/// What a call needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Nothing: anybody may call.
    Nothing,
    /// A token with all of these scopes; with none named, any token for the API.
    Token(Scopes),
}

/// A path in which `{name}` stands for any one segment and `*`, at its end, for any rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    segments: Vec<Segment>,
    has_rest: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    /// In lower case, as paths are.
    Literal(String),
    Any,
}

/// What a call comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matched<'a> {
    /// This rule, whose pattern names the route in counts and logs: never the path itself.
    Rule {
        /// The pattern as written.
        route: &'a str,
        /// What the call needs.
        need: &'a Need,
    },
    /// The path has rules, but none for this method.
    OtherMethods,
    /// No rule names the path.
    Nothing,
}

/// Why rules are refused. `index` counts from 0.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RulesError {
    /// Not a list of objects with known members of the right kind.
    #[error("rule {index} must be an object with path and either scopes or public, and methods if not all are meant")]
    Form {
        /// Of which rule.
        index: usize,
    },
    /// The pattern is none.
    #[error("rule {index}: path must begin with a slash, with {{name}} for one segment and * only at its end")]
    Pattern {
        /// Of which rule.
        index: usize,
    },
    /// A method that is none of those a rule may name.
    #[error("rule {index}: methods may be GET, HEAD, POST, PUT, PATCH and DELETE")]
    Method {
        /// Of which rule.
        index: usize,
    },
    /// A scope that is none of the API's.
    #[error("rule {index} names a scope that the API does not have")]
    Scope {
        /// Of which rule.
        index: usize,
    },
    /// Two rules are about the same call.
    #[error("rule {index} is about calls that a rule before it is about")]
    Twice {
        /// Of the second of them.
        index: usize,
    },
    /// No list, or too long a one.
    #[error("rules must be a list of 1000 at most")]
    List,
}

impl RouteRules {
    /// Reads rules as JSON: `[{"methods": ["GET"], "path": "/v1/projects/{id}", "scopes": ["read:projects"]}]`.
    /// `"public": true` in place of `scopes`: no token is needed. `has_scope` knows the API's scopes.
    pub fn parse(value: &Value, has_scope: impl Fn(&str) -> bool) -> Result<Self, RulesError> {
        let list = value.as_array().filter(|list| list.len() <= MAX_RULES);
        let list = list.ok_or(RulesError::List)?;
        let mut rules: Vec<RouteRule> = Vec::with_capacity(list.len());
        for (index, value) in list.iter().enumerate() {
            let rule = RouteRule::parse(index, value, &has_scope)?;
            if rules.iter().any(|other| other.is_about_a_call_of(&rule)) {
                return Err(RulesError::Twice { index });
            }
            rules.push(rule);
        }
        rules.sort_by_cached_key(|rule| rule.pattern.rank());
        Ok(Self(rules))
    }

    /// The rule for a call. The path decides first: where one that says more about it has no rule for the method, one that
    /// says less does not step in. `HEAD` is `GET` unless a rule names it.
    pub fn find(&self, method: &str, path: &CallPath) -> Matched<'_> {
        let Some(first) = self.0.iter().find(|rule| rule.pattern.matches(path)) else {
            return Matched::Nothing;
        };
        let found = self.of_path(&first.pattern, method);
        found.map_or(Matched::OtherMethods, |rule| Matched::Rule {
            route: &rule.pattern.text,
            need: &rule.need,
        })
    }

    /// The rule for this method whose path is this very one, whatever its parameters are called.
    pub fn of_path(&self, pattern: &Pattern, method: &str) -> Option<&RouteRule> {
        let same_path = || self.0.iter().filter(|rule| rule.pattern.is_same(pattern));
        let by = |method: &str| same_path().find(|rule| rule.methods.contains(method));
        let named = by(method).or_else(|| (method == "HEAD").then(|| by("GET")).flatten());
        // Without methods it is about every one that nothing else is about.
        named.or_else(|| same_path().find(|rule| rule.methods.is_empty()))
    }

    /// The methods that rules about this path name, for `Allow` (RFC 9110 §10.2.1).
    pub fn methods(&self, path: &CallPath) -> String {
        let Some(first) = self.0.iter().find(|rule| rule.pattern.matches(path)) else {
            return String::new();
        };
        let same_path = self.0.iter().filter(|rule| rule.pattern.is_same(&first.pattern));
        let methods: BTreeSet<&str> = same_path.flat_map(|rule| &rule.methods).map(String::as_str).collect();
        methods.into_iter().collect::<Vec<_>>().join(", ")
    }

    /// The rules, in the order in which they are looked at.
    pub fn iter(&self) -> std::slice::Iter<'_, RouteRule> {
        self.0.iter()
    }

    /// The rules as JSON, in the same order.
    pub fn to_json(&self) -> Value {
        self.0.iter().map(RouteRule::to_json).collect()
    }
}

impl RouteRule {
    fn parse(index: usize, value: &Value, has_scope: impl Fn(&str) -> bool) -> Result<Self, RulesError> {
        let form = RulesError::Form { index };
        let members: &Map<String, Value> = value.as_object().ok_or(form.clone())?;
        let is_known = |name: &String| matches!(name.as_str(), "methods" | "path" | "scopes" | "public");
        if !members.keys().all(is_known) {
            return Err(form);
        }
        let texts = |name: &str| -> Result<Option<Vec<&str>>, RulesError> {
            let Some(value) = members.get(name) else {
                return Ok(None);
            };
            let texts = value.as_array().map(|list| list.iter().map(Value::as_str).collect());
            texts.flatten().map(Some).ok_or(form.clone())
        };
        let methods = texts("methods")?.unwrap_or_default();
        if members.contains_key("methods") && methods.is_empty() {
            return Err(form);
        }
        if !methods.iter().all(|method| METHODS.contains(method)) {
            return Err(RulesError::Method { index });
        }
        let path = members.get("path").and_then(Value::as_str).ok_or(form.clone())?;
        let pattern = Pattern::parse(path).ok_or(RulesError::Pattern { index })?;
        let need = match (texts("scopes")?, members.get("public")) {
            (Some(scopes), None) if scopes.iter().all(|scope| has_scope(scope)) => {
                Need::Token(scopes.into_iter().collect())
            }
            (Some(_), None) => return Err(RulesError::Scope { index }),
            (None, Some(Value::Bool(true))) => Need::Nothing,
            _ => return Err(form),
        };
        Ok(Self {
            methods: methods.into_iter().map(str::to_owned).collect(),
            pattern,
            need,
        })
    }

    /// The methods it names; none: it is about every one that no other rule of its path is about.
    pub fn methods(&self) -> impl Iterator<Item = &str> {
        self.methods.iter().map(String::as_str)
    }

    /// Its path.
    pub fn pattern(&self) -> &Pattern {
        &self.pattern
    }

    /// What it asks for.
    pub fn need(&self) -> &Need {
        &self.need
    }

    fn is_about_a_call_of(&self, other: &Self) -> bool {
        let share_a_method = match (self.methods.is_empty(), other.methods.is_empty()) {
            (false, false) => !self.methods.is_disjoint(&other.methods),
            (both, other) => both == other,
        };
        share_a_method && self.pattern.is_same(&other.pattern)
    }

    /// The rule as JSON.
    pub fn to_json(&self) -> Value {
        let mut members = Map::new();
        if !self.methods.is_empty() {
            members.insert("methods".into(), self.methods.iter().cloned().collect());
        }
        members.insert("path".into(), self.pattern.text.clone().into());
        match &self.need {
            Need::Nothing => members.insert("public".into(), true.into()),
            Need::Token(scopes) => members.insert("scopes".into(), scopes.iter().collect()),
        };
        Value::Object(members)
    }
}

impl Pattern {
    /// Reads a pattern.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_PATTERN {
            return None;
        }
        let (fixed, has_rest) = match text.strip_suffix("/*") {
            Some("") => ("/", true),
            Some(fixed) => (fixed, true),
            None => (text, false),
        };
        let path = CallPath::parse(fixed).ok()?;
        let segments: Option<Vec<Segment>> = path.segments().iter().map(|segment| Segment::parse(segment)).collect();
        Some(Self {
            text: text.to_owned(),
            segments: segments?,
            has_rest,
        })
    }

    /// It as written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    fn matches(&self, path: &CallPath) -> bool {
        let (own, given) = (&self.segments, path.segments());
        let long_enough = if self.has_rest {
            given.len() >= own.len()
        } else {
            given.len() == own.len()
        };
        long_enough && own.iter().zip(given).all(|(own, given)| own.matches(given))
    }

    /// Whether it matches what `other` matches, whatever its parameters are called.
    fn is_same(&self, other: &Self) -> bool {
        self.has_rest == other.has_rest && self.segments == other.segments
    }

    /// Sorts patterns that match a path in common so that the one that says more comes first: segment by segment, a name
    /// before a parameter, and either before the end of a pattern that takes any rest. Those of the same paths have the same.
    pub fn rank(&self) -> Vec<(u8, String)> {
        let of = |segment: &Segment| match segment {
            Segment::Literal(name) => (0, name.clone()),
            Segment::Any => (1, String::new()),
        };
        let end = if self.has_rest { 3 } else { 2 };
        self.segments.iter().map(of).chain([(end, String::new())]).collect()
    }
}

impl Segment {
    fn parse(text: &str) -> Option<Self> {
        let name = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let is_name = |name: &str| {
            !name.is_empty()
                && name
                    .chars()
                    .all(|letter| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-' | '.'))
        };
        match name {
            Some(name) => is_name(name).then_some(Self::Any),
            None => (!text.contains(['{', '}', '*'])).then(|| Self::Literal(text.to_owned())),
        }
    }

    fn matches(&self, given: &str) -> bool {
        match self {
            Self::Literal(name) => name == given,
            Self::Any => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rules(value: Value) -> RouteRules {
        RouteRules::parse(&value, |scope| scope != "unknown").unwrap()
    }

    fn rule(methods: &[&str], path: &str, scopes: &[&str]) -> Value {
        match methods {
            [] => json!({ "path": path, "scopes": scopes }),
            methods => json!({ "methods": methods, "path": path, "scopes": scopes }),
        }
    }

    fn needed(rules: &RouteRules, method: &str, path: &str) -> String {
        match rules.find(method, &CallPath::parse(path).unwrap()) {
            Matched::Rule {
                need: Need::Token(scopes),
                ..
            } => scopes.to_string(),
            Matched::Rule {
                need: Need::Nothing, ..
            } => "public".into(),
            Matched::OtherMethods => "405".into(),
            Matched::Nothing => "404".into(),
        }
    }

    #[test]
    fn the_rule_that_says_most_about_the_path_decides_in_whatever_order_they_are_written() {
        let mut written = vec![
            rule(&[], "/*", &["any"]),
            rule(&["GET"], "/v1/*", &["v1"]),
            rule(&["GET"], "/v1/projects/{id}", &["one"]),
            rule(&["GET"], "/v1/projects/mine", &["mine"]),
            rule(&["GET"], "/v1/{kind}/mine", &["kind"]),
            rule(&["GET"], "/v1/projects", &["all"]),
        ];
        for _ in 0..2 {
            let rules = rules(written.clone().into());
            for (path, expected) in [
                ("/v1/projects/mine", "mine"),
                ("/v1/projects/7", "one"),
                ("/v1/tasks/mine", "kind"),
                ("/v1/projects", "all"),
                ("/v1/tasks/7/8", "v1"),
                ("/v1", "v1"),
                ("/v2", "any"),
                ("/", "any"),
            ] {
                assert_eq!(needed(&rules, "GET", path), expected, "{path}");
            }
            written.reverse();
        }
    }

    // Covers: B35
    #[test]
    fn what_no_rule_names_is_refused() {
        let rules = rules(json!([rule(&["GET"], "/v1/projects", &["read"])]));
        assert_eq!(needed(&rules, "GET", "/v1/projects/7"), "404");
        assert_eq!(needed(&rules, "GET", "/v1"), "404");
        assert_eq!(needed(&rules, "POST", "/v1/projects"), "405");
        assert_eq!(needed(&RouteRules::default(), "GET", "/"), "404");
        let path = CallPath::parse("/v1/projects").unwrap();
        assert_eq!(rules.methods(&path), "GET");
    }

    // Covers: B35
    #[test]
    fn a_rule_is_not_got_round_by_a_capital_a_slash_or_an_escape() {
        let rules = rules(json!([
            rule(&[], "/v1/*", &["read"]),
            rule(&[], "/v1/admin", &["admin"])
        ]));
        for path in ["/v1/admin", "/v1/ADMIN", "/V1/Admin/", "/v1/%61dmin", "/v1/admin/"] {
            assert_eq!(needed(&rules, "GET", path), "admin", "{path}");
        }
    }

    #[test]
    fn a_rule_that_says_less_does_not_step_in_for_a_method() {
        let rules = rules(json!([
            rule(&[], "/*", &["any"]),
            rule(&["GET"], "/v1/projects/{id}", &["read"])
        ]));
        assert_eq!(needed(&rules, "DELETE", "/v1/projects/7"), "405");
        assert_eq!(needed(&rules, "DELETE", "/v1/projects"), "any");
    }

    #[test]
    fn a_rule_for_any_method_is_about_those_that_no_other_names() {
        let rules = rules(json!([rule(&[], "/a", &["any"]), rule(&["POST"], "/a", &["write"])]));
        assert_eq!(needed(&rules, "POST", "/a"), "write");
        assert_eq!(needed(&rules, "GET", "/a"), "any");
    }

    #[test]
    fn head_is_get_unless_a_rule_names_it() {
        let rules = rules(json!([
            rule(&["GET"], "/a", &["read"]),
            rule(&["GET"], "/b", &["read"]),
            rule(&["HEAD"], "/b", &["look"])
        ]));
        assert_eq!(needed(&rules, "HEAD", "/a"), "read");
        assert_eq!(needed(&rules, "HEAD", "/b"), "look");
        assert_eq!(
            needed(&rules, "get", "/a"),
            "405",
            "methods are case-sensitive (RFC 9110 §9.1)"
        );
    }

    #[test]
    fn a_public_route_needs_no_token() {
        let rules = rules(json!([{ "path": "/health", "public": true }]));
        assert_eq!(needed(&rules, "GET", "/health"), "public");
    }

    #[test]
    fn rules_that_are_none_are_refused_with_their_number() {
        let good = rule(&["GET"], "/a", &["read"]);
        let form = RulesError::Form { index: 1 };
        let pattern = RulesError::Pattern { index: 1 };
        for (bad, expected) in [
            (json!("GET /a"), &form),
            (json!({ "path": "/b" }), &form),
            (json!({ "path": "/b", "scopes": "read" }), &form),
            (json!({ "path": "/b", "scopes": [1] }), &form),
            (json!({ "path": "/b", "public": false }), &form),
            (json!({ "path": "/b", "public": true, "scopes": [] }), &form),
            (json!({ "path": "/b", "scopes": [], "method": "GET" }), &form),
            (json!({ "path": "/b", "scopes": [], "methods": [] }), &form),
            (
                json!({ "path": "/b", "scopes": [], "methods": ["get"] }),
                &RulesError::Method { index: 1 },
            ),
            (
                json!({ "path": "/b", "scopes": [], "methods": ["OPTIONS"] }),
                &RulesError::Method { index: 1 },
            ),
            (rule(&[], "b", &[]), &pattern),
            (rule(&[], "/b/*/c", &[]), &pattern),
            (rule(&[], "/b*", &[]), &pattern),
            (rule(&[], "/b/{}", &[]), &pattern),
            (rule(&[], "/b/{id", &[]), &pattern),
            (rule(&[], "/b/x{id}", &[]), &pattern),
            (rule(&[], "/b/../c", &[]), &pattern),
            (rule(&[], "/b//c", &[]), &pattern),
            (rule(&[], "/b/%2e%2e", &[]), &pattern),
            (rule(&[], &format!("/{}", "b".repeat(MAX_PATTERN)), &[]), &pattern),
            (rule(&[], "/b", &["unknown"]), &RulesError::Scope { index: 1 }),
            (
                rule(&["POST", "GET"], "/A/", &["write"]),
                &RulesError::Twice { index: 1 },
            ),
        ] {
            let rules = json!([good, bad]);
            assert_eq!(
                RouteRules::parse(&rules, |scope| scope != "unknown").as_ref(),
                Err(expected),
                "{bad}"
            );
        }
        assert_eq!(RouteRules::parse(&json!({}), |_| true), Err(RulesError::List));
        let many = vec![good; MAX_RULES + 1];
        assert_eq!(RouteRules::parse(&many.into(), |_| true), Err(RulesError::List));
    }

    #[test]
    fn parameters_of_other_names_are_the_same_path() {
        let twice = json!([rule(&["GET"], "/a/{id}", &[]), rule(&["GET"], "/a/{name}", &[])]);
        assert_eq!(RouteRules::parse(&twice, |_| true), Err(RulesError::Twice { index: 1 }));
        let rules = rules(json!([
            rule(&["GET"], "/a/{id}", &["read"]),
            rule(&["PUT"], "/a/{name}", &["write"])
        ]));
        assert_eq!(needed(&rules, "PUT", "/a/1"), "write");
    }

    #[test]
    fn rules_are_written_as_they_are_read() {
        let written = json!([rule(&["GET", "POST"], "/a/{id}", &["read"]), { "path": "/a/*", "public": true }]);
        assert_eq!(rules(written.clone()).to_json(), written);
    }
}
