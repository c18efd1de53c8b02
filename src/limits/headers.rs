//! How callers are told of their limits: `RateLimit` and `RateLimit-Policy`, structured fields (RFC 9651) by
//! draft-ietf-httpapi-ratelimit-headers-11.

use super::tier::Quota;

/// What is told of the limits of a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Told(pub Vec<Limit>);

/// What is told of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Its name: letters only.
    pub policy: &'static str,
    /// How many calls in how long.
    pub quota: Quota,
    /// How many are left, as far as this isolate knows; `None`: it does not.
    pub left: Option<u32>,
    /// Seconds until there are more.
    pub more_in: u32,
}

impl Told {
    /// The value of `RateLimit-Policy`: the same for every call of a caller.
    pub fn policy(&self) -> String {
        let one = |limit: &Limit| {
            format!(
                "\"{}\";q={};w={}",
                limit.policy, limit.quota.requests, limit.quota.seconds
            )
        };
        self.0.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    /// The value of `RateLimit`: how many calls are left, and within how many seconds there will not be more.
    pub fn limits(&self) -> Option<String> {
        let one = |limit: &Limit| Some(format!("\"{}\";r={};t={}", limit.policy, limit.left?, limit.more_in));
        let all: Vec<String> = self.0.iter().filter_map(one).collect();
        (!all.is_empty()).then(|| all.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Covers: R77
    #[test]
    fn limits_are_told_as_structured_fields_and_only_what_is_known() {
        let limit = |policy, requests, left| Limit {
            policy,
            quota: Quota { requests, seconds: 900 },
            left,
            more_in: 870,
        };
        let told = Told(vec![limit("user", 1000, Some(0)), limit("app", 100_000, Some(64_123))]);
        assert_eq!(told.policy(), "\"user\";q=1000;w=900, \"app\";q=100000;w=900");
        assert_eq!(
            told.limits().as_deref(),
            Some("\"user\";r=0;t=870, \"app\";r=64123;t=870")
        );
        let told = Told(vec![limit("client", 50, None), limit("app", 5000, Some(1))]);
        assert_eq!(told.limits().as_deref(), Some("\"app\";r=1;t=870"));
        assert_eq!(Told(vec![limit("user", 50, None)]).limits(), None);
    }
}
