//! Route rules out of an OpenAPI document (3.0, 3.1, 3.2): what it says for sure becomes rules, what it leaves open is
//! listed for a person to decide, and what cannot be a rule is named with the reason. Nothing is guessed.

mod document;
mod security;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use thiserror::Error;

use super::route_changes::{RouteChange, changes};
use super::routes::{Decided, cut, decide, in_words};
use crate::guard::rules::{Need, RouteRule, RouteRules};
use document::{Asked, Operation};
use security::Asks;

/// How an import is to be made.
#[derive(Debug, Default)]
pub struct Options {
    /// The path that all paths of the document are under, in place of what its servers say.
    pub base_path: Option<String>,
    /// Whether rules stay that are about calls of which the document says nothing.
    pub keep: bool,
}

/// What came of a document.
#[derive(Debug)]
pub struct Import {
    /// The rules to save: those the document says for sure, and those that are kept.
    pub rules: RouteRules,
    /// Operations that need no token, as the document says: rules that count when a person says so too.
    pub public: Vec<Open>,
    /// Operations about which the document says nothing: rules by which any token would do.
    pub undecided: Vec<Open>,
    /// Operations that get no rule.
    pub problems: Vec<NoRule>,
    /// Scopes that operations ask for and the API does not have.
    pub unknown_scopes: Vec<UnknownScope>,
    /// What the rules to save change.
    pub changes: Vec<RouteChange>,
}

/// An operation that a person has to decide about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// `GET /v1/health`
    pub call: String,
    /// The rule it would have.
    pub rule: Value,
    /// What decides about it without a rule of its own; `None`: it is refused.
    pub instead: Option<String>,
}

/// An operation that gets no rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoRule {
    /// `GET /v1/projects`, or a path.
    pub call: String,
    /// Why, as a sentence without its subject.
    pub reason: String,
    /// What decides about it then; `None`: it is refused.
    pub instead: Option<String>,
}

/// A scope that the API does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownScope {
    /// Its name.
    pub name: String,
    /// What the document says of it.
    pub description: String,
    /// How many operations ask for it.
    pub operations: u32,
}

/// Why nothing can be made of a document: a sentence without its subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ImportError {
    /// It is another thing.
    #[error("must be an OpenAPI document of version 3.0, 3.1 or 3.2")]
    NoOpenApi,
    /// It is of before 2017.
    #[error("is of OpenAPI 2.0 (Swagger): turn it into version 3 first")]
    Swagger,
    /// It has no paths.
    #[error("has no paths")]
    NoPaths,
    /// More operations than an API may have rules.
    #[error("has more than 1000 operations or paths")]
    TooMany,
    /// With what stays, there would be too many rules.
    #[error("makes more than 1000 rules together with those that stay")]
    TooManyRules,
    /// Its servers disagree.
    #[error("has servers with different paths, or with a path that cannot be read: say which base path is meant")]
    Servers,
}

/// What becomes of an operation.
enum Outcome<'d> {
    Rule(Need),
    Public,
    Undecided,
    /// A rule that stays says it.
    Settled,
    None {
        reason: String,
        unknown: Vec<&'d str>,
    },
}

/// Reads a document. `current`: the rules the API has; `has_scope` knows its scopes.
pub fn read(
    document: &Value,
    options: &Options,
    current: &RouteRules,
    has_scope: impl Fn(&str) -> bool,
) -> Result<Import, ImportError> {
    let operations = document::operations(document, options.base_path.as_deref())?;
    let schemes = security::Schemes::of(document);
    let mut outcomes: Vec<Outcome<'_>> = operations
        .iter()
        .map(|operation| outcome(operation, &schemes, &has_scope))
        .collect();
    refuse_contradictions(&operations, &mut outcomes);
    settle(&operations, &mut outcomes, current, options.keep);

    let sure = operations
        .iter()
        .zip(&outcomes)
        .filter_map(|(operation, outcome)| match outcome {
            Outcome::Rule(need) => Some((operation, need)),
            _ => None,
        });
    let written = grouped(sure);
    let mut list = written.clone();
    if options.keep {
        list.extend(kept(current, &operations, &outcomes));
    }
    // Each rule was looked at, and none comes twice: only their number can be wrong.
    let rules = RouteRules::parse(&list.into(), |_| true).map_err(|_| ImportError::TooManyRules)?;

    let mut import = Import {
        changes: changes(current, &rules),
        public: Vec::new(),
        undecided: Vec::new(),
        problems: Vec::new(),
        unknown_scopes: Vec::new(),
        rules,
    };
    let mut unknown: BTreeMap<&str, u32> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for (operation, outcome) in operations.iter().zip(outcomes) {
        let (call, instead) = (operation.call(), instead(&import.rules, operation));
        let open = |need: &Need| Open {
            call: call.clone(),
            rule: rule(&[operation.method], &operation.path, need),
            instead: instead.clone(),
        };
        // A second one about the same calls says the same.
        let is_new = operation.key().is_none_or(|key| seen.insert(key));
        match outcome {
            Outcome::Rule(_) | Outcome::Settled => {}
            Outcome::Public if is_new => import.public.push(open(&Need::Nothing)),
            Outcome::Undecided if is_new => import.undecided.push(open(&Need::Token([].into_iter().collect()))),
            Outcome::Public | Outcome::Undecided => {}
            Outcome::None { reason, unknown: names } => {
                for name in names {
                    *unknown.entry(name).or_default() += 1;
                }
                import.problems.push(NoRule { call, reason, instead });
            }
        }
    }
    let unknown = unknown.into_iter().map(|(name, operations)| UnknownScope {
        name: cut(name, 64),
        description: schemes
            .description(name)
            .map_or_else(String::new, |text| cut(text, 300)),
        operations,
    });
    import.unknown_scopes = unknown.take(200).collect();
    Ok(import)
}

fn outcome<'d>(
    operation: &Operation<'d>,
    schemes: &security::Schemes<'d>,
    has_scope: impl Fn(&str) -> bool,
) -> Outcome<'d> {
    let none = |reason: String| Outcome::None {
        reason,
        unknown: Vec::new(),
    };
    let security = match &operation.asked {
        Asked::Security(security) => *security,
        Asked::Nothing(reason) => return none((*reason).to_owned()),
    };
    match schemes.read(security) {
        Err(reason) => none(reason),
        Ok(Asks::NotSaid) => Outcome::Undecided,
        Ok(Asks::Nothing) => Outcome::Public,
        Ok(Asks::Token(scopes)) => {
            let unknown: Vec<&str> = scopes.iter().copied().filter(|scope| !has_scope(scope)).collect();
            match unknown.is_empty() {
                true => Outcome::Rule(Need::Token(scopes.into_iter().collect())),
                false => Outcome::None {
                    reason: "asks for scopes that this API does not have".into(),
                    unknown,
                },
            }
        }
    }
}

/// Two operations may be about the same calls, as rules read paths: `/a/{id}` and `/a/{name}`, `/a` and `/A`. Where they
/// say the same, one rule says it; else neither has one.
fn refuse_contradictions(operations: &[Operation<'_>], outcomes: &mut [Outcome<'_>]) {
    let mut same: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (index, operation) in operations.iter().enumerate() {
        if let Some(key) = operation.key() {
            same.entry(key).or_default().push(index);
        }
    }
    for indices in same.into_values().filter(|indices| indices.len() > 1) {
        let mut said = indices.iter().map(|index| match outcomes.get(*index) {
            Some(Outcome::Rule(need)) => Some(Some(need)),
            Some(Outcome::Public) => Some(Some(&Need::Nothing)),
            Some(Outcome::Undecided) => Some(None),
            Some(Outcome::Settled | Outcome::None { .. }) | None => None,
        });
        let first = said.next().flatten();
        if first.is_some() && said.all(|other| other == first) {
            continue;
        }
        for index in indices {
            if let Some(outcome @ (Outcome::Rule(_) | Outcome::Public | Outcome::Undecided)) = outcomes.get_mut(index) {
                *outcome = Outcome::None {
                    reason: "is about the same calls as another operation, which asks for something else".into(),
                    unknown: Vec::new(),
                };
            }
        }
    }
}

/// What a person decided before is not asked again: that an operation may be called without a token, as the document says;
/// and where rules stay, whatever one of them says of an operation about which the document says nothing.
fn settle(operations: &[Operation<'_>], outcomes: &mut [Outcome<'_>], current: &RouteRules, keep: bool) {
    for (operation, outcome) in operations.iter().zip(outcomes) {
        let before = operation.rule_in(current).map(RouteRule::need);
        match (&outcome, before) {
            (Outcome::Public, Some(Need::Nothing)) | (Outcome::Undecided, Some(_)) if keep => {
                *outcome = Outcome::Settled;
            }
            (Outcome::Public, Some(Need::Nothing)) => *outcome = Outcome::Rule(Need::Nothing),
            _ => {}
        }
    }
}

/// One rule for the methods of a path that ask for the same.
fn grouped<'o, 'd: 'o>(operations: impl Iterator<Item = (&'o Operation<'d>, &'o Need)>) -> Vec<Value> {
    let mut groups: BTreeMap<_, (&str, Vec<&str>)> = BTreeMap::new();
    for (operation, need) in operations {
        if let Some((rank, _)) = operation.key() {
            let group = groups.entry((rank, need));
            let (_, methods) = group.or_insert_with(|| (&operation.path, Vec::new()));
            if !methods.contains(&operation.method) {
                methods.push(operation.method);
            }
        }
    }
    let groups = groups.into_iter();
    groups
        .map(|((_, need), (path, methods))| rule(&methods, path, need))
        .collect()
}

fn rule(methods: &[&str], path: &str, need: &Need) -> Value {
    let mut members = Map::new();
    members.insert("methods".into(), json!(methods));
    members.insert("path".into(), path.into());
    match need {
        Need::Nothing => members.insert("public".into(), true.into()),
        Need::Token(scopes) => members.insert("scopes".into(), json!(scopes)),
    };
    members.into()
}

/// The rules as they are, as far as they are about calls that no operation with a rule is about.
fn kept(current: &RouteRules, operations: &[Operation<'_>], outcomes: &[Outcome<'_>]) -> Vec<Value> {
    let with_rule = operations.iter().zip(outcomes);
    let with_rule = with_rule.filter(|(_, outcome)| matches!(outcome, Outcome::Rule(_)));
    let covered: BTreeSet<_> = with_rule.filter_map(|(operation, _)| operation.key()).collect();
    without(current, |own, method| covered.contains(&(own.pattern().rank(), method)))
}

/// Rules without those of their methods. Those about any other method stay as they are.
fn without(rules: &RouteRules, goes: impl Fn(&RouteRule, &str) -> bool) -> Vec<Value> {
    let left = rules.iter().filter_map(|own| {
        let methods: Vec<&str> = own.methods().collect();
        if methods.is_empty() {
            return Some(own.to_json());
        }
        let left: Vec<&str> = methods.into_iter().filter(|method| !goes(own, method)).collect();
        (!left.is_empty()).then(|| rule(&left, own.pattern().as_str(), own.need()))
    });
    left.collect()
}

/// `rules`, which an import made and a person may have changed, with what was decided about operations it left open. A
/// decision stands for the rule that was kept for the same calls; not for one that is new beside it (`current`: the rules
/// there are), which says another thing and is told as a second rule about them.
pub fn with_decisions(rules: &RouteRules, decisions: &RouteRules, current: &RouteRules) -> Value {
    let named = |rules: &RouteRules, own: &RouteRule, method: &str| -> Option<Need> {
        let mut rules = rules.iter();
        let rule = rules.find(|rule| {
            rule.pattern().rank() == own.pattern().rank() && rule.methods().any(|other| other == method)
        })?;
        Some(rule.need().clone())
    };
    let mut list = without(rules, |own, method| {
        named(decisions, own, method).is_some() && named(current, own, method).as_ref() == Some(own.need())
    });
    list.extend(decisions.iter().map(RouteRule::to_json));
    list.into()
}

/// What decides about an operation that has no rule of its own. `None`: it is refused.
fn instead(rules: &RouteRules, operation: &Operation<'_>) -> Option<String> {
    let segments = operation.path.split('/');
    let any: Vec<&str> = segments
        .map(|segment| {
            if segment.contains('{') {
                "any-other-value"
            } else {
                segment
            }
        })
        .collect();
    let path = any.join("/");
    let methods = operation.methods();
    methods
        .into_iter()
        .find_map(|method| match decide(rules, method, &path) {
            Decided::Rule { route, need } => Some(format!("the rule of {}: {}", cut(&route, 200), in_words(&need))),
            _ => None,
        })
}

impl Import {
    /// Whether a person has to decide something before it is whole.
    pub fn is_whole(&self) -> bool {
        self.public.is_empty() && self.undecided.is_empty() && self.problems.is_empty()
    }

    /// It, as the API tells it.
    pub fn to_json(&self) -> Value {
        let open = |list: &[Open]| -> Vec<Value> {
            let list = list.iter();
            list.map(|open| json!({ "operation": open.call, "rule": open.rule, "instead": open.instead }))
                .collect()
        };
        let problems = self.problems.iter();
        let unknown = self.unknown_scopes.iter();
        json!({
            "rules": self.rules.to_json(),
            "public": open(&self.public),
            "undecided": open(&self.undecided),
            "problems": problems
                .map(|left| json!({ "operation": left.call, "reason": left.reason, "instead": left.instead }))
                .collect::<Vec<_>>(),
            "unknown_scopes": unknown
                .map(|scope| json!({ "name": scope.name, "description": scope.description, "operations": scope.operations }))
                .collect::<Vec<_>>(),
            "changes": self.changes.iter().map(RouteChange::to_json).collect::<Vec<_>>(),
        })
    }
}
