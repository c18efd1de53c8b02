//! What an operation asks for, as far as it can be read for sure.

use serde_json::{Map, Value};

use super::document::follow;
use crate::management::policy::routes::{MAX_SCOPES, cut};

/// An operation's security requirements, else the document's. `None`: neither has any.
pub type Security<'d> = Option<&'d Value>;

/// What an operation asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asks<'d> {
    /// The document does not say.
    NotSaid,
    /// No token.
    Nothing,
    /// A token with all of these scopes, sorted.
    Token(Vec<&'d str>),
}

/// The security schemes of a document.
pub struct Schemes<'d> {
    document: &'d Value,
    named: Option<&'d Map<String, Value>>,
}

impl<'d> Schemes<'d> {
    /// Those of this document.
    pub fn of(document: &'d Value) -> Self {
        let components = document.get("components");
        Self {
            document,
            named: components.and_then(|components| components.get("securitySchemes")?.as_object()),
        }
    }

    /// What security requirements come to. `Err`: it is not sure; why, as a sentence without its subject.
    pub fn read(&self, security: Security<'d>) -> Result<Asks<'d>, String> {
        let Some(security) = security else {
            return Ok(Asks::NotSaid);
        };
        let ways = security
            .as_array()
            .ok_or("has security requirements that are no list")?;
        let mut asked: Option<Asks<'d>> = None;
        for way in ways {
            let asks = self.requirement(way)?;
            match &asked {
                None => asked = Some(asks),
                Some(other) if *other == asks => {}
                // Any one of them would do for the API: a rule asks for one thing.
                Some(Asks::Nothing) => return Err("can be called with a token and without".into()),
                Some(_) if asks == Asks::Nothing => return Err("can be called with a token and without".into()),
                Some(_) => return Err("offers several ways that ask for different scopes".into()),
            }
        }
        Ok(asked.unwrap_or(Asks::Nothing))
    }

    fn requirement(&self, way: &'d Value) -> Result<Asks<'d>, String> {
        let schemes = way.as_object().ok_or("has a security requirement that is no object")?;
        if schemes.is_empty() {
            return Ok(Asks::Nothing);
        }
        let mut scopes: Vec<&'d str> = Vec::new();
        for (name, asked) in schemes {
            if !self.asks_for_a_token(name)? {
                return Err(format!("asks for {}, which is no access token", cut(name, 64)));
            }
            for scope in asked.as_array().ok_or("has scopes that are no list")? {
                scopes.push(scope.as_str().ok_or("has a scope that is no text")?);
                if scopes.len() > MAX_SCOPES {
                    return Err(format!("asks for more than {MAX_SCOPES} scopes"));
                }
            }
        }
        scopes.sort_unstable();
        scopes.dedup();
        Ok(Asks::Token(scopes))
    }

    /// Whether what a scheme asks for is an access token.
    fn asks_for_a_token(&self, name: &str) -> Result<bool, String> {
        let scheme = self.scheme(name);
        let scheme =
            scheme.ok_or_else(|| format!("asks for {}, which the document does not describe", cut(name, 64)))?;
        let text = |member: &str| scheme.get(member).and_then(Value::as_str).unwrap_or_default();
        Ok(match text("type") {
            "oauth2" | "openIdConnect" => true,
            "http" => ["bearer", "dpop"]
                .iter()
                .any(|known| text("scheme").eq_ignore_ascii_case(known)),
            _ => false,
        })
    }

    fn scheme(&self, name: &str) -> Option<&'d Value> {
        let scheme = self.named?.get(name)?;
        match scheme.get("$ref") {
            None => Some(scheme),
            // One that leads to another reference is of no type.
            Some(reference) => follow(self.document, reference.as_str()?),
        }
    }

    /// What the document says about a scope.
    pub fn description(&self, scope: &str) -> Option<&'d str> {
        let schemes = self.named.into_iter().flat_map(Map::values);
        let mut flows = schemes
            .filter_map(|scheme| scheme.get("flows")?.as_object())
            .flat_map(Map::values);
        flows.find_map(|flow| flow.get("scopes")?.get(scope)?.as_str())
    }
}
