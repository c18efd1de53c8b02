//! What becomes of calls when route rules are replaced by others.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::guard::rules::{Need, RouteRules};

/// What some calls asked for, and ask for now. `None`: no rule is about them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteChange {
    /// `None`: every method that no other rule of the path names.
    pub method: Option<String>,
    /// The path, as the rule that is new has it.
    pub path: String,
    /// What it was.
    pub from: Option<Need>,
    /// What it is to be.
    pub to: Option<Need>,
}

/// Calls: the same paths, whatever their parameters are called, and a method.
type Key<'a> = (Vec<(u8, String)>, Option<&'a str>);

impl RouteChange {
    /// `GET /v1/projects`
    pub fn call(&self) -> String {
        format!("{} {}", self.method.as_deref().unwrap_or("any method"), self.path)
    }

    /// It, as the API tells it.
    pub fn to_json(&self) -> Value {
        let need = |need: Option<&Need>| match need {
            None => Value::Null,
            Some(Need::Nothing) => json!({ "public": true }),
            Some(Need::Token(scopes)) => json!({ "scopes": scopes }),
        };
        json!({ "method": self.method, "path": self.path, "from": need(self.from.as_ref()), "to": need(self.to.as_ref()) })
    }
}

/// What differs, in the order in which rules are looked at.
pub fn changes(from: &RouteRules, to: &RouteRules) -> Vec<RouteChange> {
    let (before, after) = (by_call(from), by_call(to));
    let mut keys: Vec<&Key<'_>> = before.keys().chain(after.keys()).collect();
    keys.sort();
    keys.dedup();
    let changed = keys.into_iter().filter_map(|key| {
        let (before, after) = (before.get(key), after.get(key));
        let need = |side: Option<&(&str, &Need)>| side.map(|(_, need)| (*need).clone());
        let (path, _) = after.or(before)?;
        let change = RouteChange {
            method: key.1.map(str::to_owned),
            path: (*path).to_owned(),
            from: need(before),
            to: need(after),
        };
        (change.from != change.to).then_some(change)
    });
    changed.collect()
}

fn by_call(rules: &RouteRules) -> BTreeMap<Key<'_>, (&str, &Need)> {
    let mut calls = BTreeMap::new();
    for rule in rules.iter() {
        let (rank, what) = (rule.pattern().rank(), (rule.pattern().as_str(), rule.need()));
        let mut methods = rule.methods().peekable();
        if methods.peek().is_none() {
            calls.insert((rank.clone(), None), what);
        }
        for method in methods {
            calls.insert((rank.clone(), Some(method)), what);
        }
    }
    calls
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(from: &Value, to: &Value) -> Vec<String> {
        let rules = |value: &Value| RouteRules::parse(value, |_| true).unwrap();
        let changes = changes(&rules(from), &rules(to));
        let words = |need: &Option<Need>| match need {
            None => "-".to_owned(),
            Some(Need::Nothing) => "public".to_owned(),
            Some(Need::Token(scopes)) => format!("[{scopes}]"),
        };
        let told = changes
            .iter()
            .map(|change| format!("{}: {} {}", change.call(), words(&change.from), words(&change.to)));
        told.collect()
    }

    #[test]
    fn every_call_that_asks_for_something_else_is_told_and_no_other() {
        let from = json!([
            { "methods": ["GET", "PUT"], "path": "/a/{id}", "scopes": ["read"] },
            { "path": "/b", "scopes": [] },
            { "methods": ["GET"], "path": "/c", "public": true },
        ]);
        let to = json!([
            { "methods": ["GET"], "path": "/A/{name}", "scopes": ["read"] },
            { "methods": ["PUT", "POST"], "path": "/a/{id}", "scopes": ["write"] },
            { "methods": ["GET"], "path": "/b", "scopes": [] },
            { "methods": ["GET"], "path": "/c", "scopes": [] },
        ]);
        assert_eq!(
            told(&from, &to),
            [
                "POST /a/{id}: - [write]",
                "PUT /a/{id}: [read] [write]",
                "any method /b: [] -",
                "GET /b: - []",
                "GET /c: public []",
            ]
        );
        assert_eq!(told(&to, &to), [""; 0]);
    }
}
