//! What calls came to, by API, by route and by the scopes they used.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::call::{Kind, OTHER_ROUTES};
use super::tally::{Latency, Tally};

/// How many groups of calls that are alike are told apart, those with most calls. The rest is summed as [`OTHER_ROUTES`].
pub const MOST_READ: u32 = 2000;
/// How many routes are shown, those with most calls.
const MOST_ROUTES: usize = 100;

/// Calls that are alike, as the directory has them.
#[derive(Debug, Clone, Deserialize)]
pub struct Alike {
    /// The API.
    pub api_id: String,
    /// Its name; `None`: it is deleted. The operator's words.
    pub api_name: Option<String>,
    /// The pattern of the rule, [`super::call::NO_ROUTE`] or [`OTHER_ROUTES`].
    pub route: String,
    /// The method.
    pub method: String,
    /// What became of them.
    pub outcome: String,
    /// Scopes they used, separated by spaces.
    pub scopes: String,
    count: u64,
    milliseconds: u64,
    up_to_10: u64,
    up_to_25: u64,
    up_to_50: u64,
    up_to_100: u64,
    up_to_250: u64,
    up_to_500: u64,
    up_to_1000: u64,
    up_to_2500: u64,
    up_to_10000: u64,
    longer: u64,
}

/// Calls of a period.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Breakdown {
    /// By API, the one with most first.
    pub apis: Vec<OfApi>,
    /// By route, the one with most first.
    pub routes: Vec<OfRoute>,
    /// By scope used, the most used first. A call may use several.
    pub scopes: Vec<(String, u64)>,
    /// Whether there are more routes.
    pub has_more_routes: bool,
}

/// Calls to an API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfApi {
    /// The API.
    pub api_id: String,
    /// Its name; `None`: it is deleted.
    pub api_name: Option<String>,
    /// What they came to.
    pub sums: Sums,
}

/// Calls to a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfRoute {
    /// The API.
    pub api_id: String,
    /// Its name; `None`: it is deleted.
    pub api_name: Option<String>,
    /// The pattern; `None`: no rule names the path, or see `is_rest`.
    pub route: Option<String>,
    /// Whether these are routes that there was no room to tell apart.
    pub is_rest: bool,
    /// The method; `None`: several.
    pub method: Option<String>,
    /// Scopes used.
    pub scopes: Vec<String>,
    /// What they came to.
    pub sums: Sums,
    /// By what became of them, the most frequent first: `200`, `refused.insufficient_scope`.
    pub outcomes: Vec<(String, u64)>,
}

/// What calls came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    /// All of them.
    pub all: Tally,
    /// How many the guard refused.
    pub refused: u64,
    /// How many the API answered with an error, or not at all.
    pub failed: u64,
}

impl Alike {
    fn tally(&self) -> Tally {
        Tally {
            count: self.count,
            milliseconds: self.milliseconds,
            steps: [
                self.up_to_10,
                self.up_to_25,
                self.up_to_50,
                self.up_to_100,
                self.up_to_250,
                self.up_to_500,
                self.up_to_1000,
                self.up_to_2500,
                self.up_to_10000,
                self.longer,
            ],
        }
    }
}

impl Sums {
    fn add(&mut self, alike: &Alike) {
        self.all.add(&alike.tally());
        let place = match Kind::of_name(&alike.outcome) {
            Kind::Through => return,
            Kind::Refused => &mut self.refused,
            Kind::Failed => &mut self.failed,
        };
        *place = place.saturating_add(alike.count);
    }

    /// How long those took whose time is known.
    pub fn latency(&self) -> Option<Latency> {
        self.all.latency()
    }
}

impl Breakdown {
    /// Puts together what the directory has.
    pub fn new(found: &[Alike]) -> Self {
        let mut apis: BTreeMap<&str, OfApi> = BTreeMap::new();
        let mut routes: BTreeMap<(&str, &str, &str), OfRoute> = BTreeMap::new();
        let mut scopes: BTreeMap<&str, u64> = BTreeMap::new();
        for alike in found {
            let api = apis.entry(&alike.api_id).or_insert_with(|| OfApi {
                api_id: alike.api_id.clone(),
                api_name: alike.api_name.clone(),
                sums: Sums::default(),
            });
            api.sums.add(alike);
            let key = (alike.api_id.as_str(), alike.route.as_str(), alike.method.as_str());
            let route = routes.entry(key).or_insert_with(|| OfRoute::new(alike));
            route.sums.add(alike);
            add(&mut route.outcomes, &alike.outcome, alike.count);
            for scope in alike.scopes.split(' ').filter(|scope| !scope.is_empty()) {
                let sum = scopes.entry(scope).or_default();
                *sum = sum.saturating_add(alike.count);
                if !route.scopes.iter().any(|known| known == scope) {
                    route.scopes.push(scope.to_owned());
                }
            }
        }
        let mut apis: Vec<_> = apis.into_values().collect();
        apis.sort_by_key(|api| std::cmp::Reverse(api.sums.all.count));
        let mut routes: Vec<_> = routes.into_values().collect();
        routes.sort_by_key(|route| std::cmp::Reverse(route.sums.all.count));
        let has_more_routes = routes.len() > MOST_ROUTES;
        routes.truncate(MOST_ROUTES);
        for route in &mut routes {
            route.outcomes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        }
        let mut scopes: Vec<_> = scopes
            .into_iter()
            .map(|(scope, count)| (scope.to_owned(), count))
            .collect();
        scopes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        Self {
            apis,
            routes,
            scopes,
            has_more_routes,
        }
    }
}

impl OfRoute {
    fn new(alike: &Alike) -> Self {
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let is_rest = alike.route == OTHER_ROUTES;
        Self {
            api_id: alike.api_id.clone(),
            api_name: alike.api_name.clone(),
            route: text(&alike.route).filter(|_| !is_rest),
            is_rest,
            method: text(&alike.method),
            scopes: Vec::new(),
            sums: Sums::default(),
            outcomes: Vec::new(),
        }
    }
}

fn add(counts: &mut Vec<(String, u64)>, name: &str, count: u64) {
    match counts.iter_mut().find(|(known, _)| known == name) {
        Some((_, sum)) => *sum = sum.saturating_add(count),
        None => counts.push((name.to_owned(), count)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alike(route: &str, outcome: &str, scopes: &str, count: u64) -> Alike {
        Alike {
            api_id: "api_one".into(),
            api_name: None,
            route: route.into(),
            method: "GET".into(),
            outcome: outcome.into(),
            scopes: scopes.into(),
            count,
            milliseconds: 0,
            up_to_10: 0,
            up_to_25: count,
            up_to_50: 0,
            up_to_100: 0,
            up_to_250: 0,
            up_to_500: 0,
            up_to_1000: 0,
            up_to_2500: 0,
            up_to_10000: 0,
            longer: 0,
        }
    }

    #[test]
    fn calls_are_put_together_by_api_route_and_each_scope_they_used() {
        let calls = Breakdown::new(&[
            alike("/a", "200", "read write", 5),
            alike("/a", "503", "read write", 2),
            alike("/a", "refused.insufficient_scope", "", 3),
            alike("/b", "unanswered", "read", 20),
            alike("", "refused.not_found", "", 1),
        ]);
        let sums = |sums: &Sums| (sums.all.count, sums.refused, sums.failed);
        assert_eq!(calls.apis.len(), 1);
        assert_eq!(sums(&calls.apis[0].sums), (31, 4, 22));
        let routes: Vec<_> = calls
            .routes
            .iter()
            .map(|one| (one.route.as_deref(), sums(&one.sums)))
            .collect();
        assert_eq!(
            routes,
            [(Some("/b"), (20, 0, 20)), (Some("/a"), (10, 3, 2)), (None, (1, 1, 0))]
        );
        assert_eq!(calls.scopes, [("read".to_owned(), 27), ("write".to_owned(), 7)]);
        assert_eq!(calls.routes[1].scopes, ["read", "write"]);
        assert_eq!(calls.routes[1].outcomes[0], ("200".to_owned(), 5));
        assert_eq!(calls.routes[0].sums.latency().unwrap().p95, Some(25));
    }

    #[test]
    fn the_list_of_routes_ends_and_says_so() {
        let many: Vec<_> = (0..MOST_ROUTES + 1)
            .map(|at| alike(&format!("/{at}"), "200", "", 1))
            .collect();
        let calls = Breakdown::new(&many);
        assert_eq!((calls.routes.len(), calls.has_more_routes), (MOST_ROUTES, true));
        assert_eq!(calls.apis[0].sums.all.count, 101);
    }
}
