//! A call as a data point of Workers Analytics Engine: what the directory only has in sums, for the operator's own
//! questions. `docs/monitoring.md` names each member, with queries.

use super::call::{Call, Caller, End};
use crate::crypto::base64url;
use crate::crypto::keys::{Purpose, SealingKeys};

/// Bytes an index may have.
const MOST_OF_INDEX: usize = 96;
/// Bytes of a blob; all of a point's may have 16 kB together.
const MOST_OF_BLOB: usize = 1000;

/// A data point, in the order of the documentation.
#[derive(Debug, Clone, PartialEq)]
pub struct DataPoint {
    /// By what points are sampled: the app.
    pub index: String,
    /// `blob1` to `blob9`.
    pub blobs: [String; 9],
    /// `double1` and `double2`.
    pub doubles: [f64; 2],
}

impl DataPoint {
    /// A call as a data point. Its user is a pseudonym: the same for the same user as long as `LATCHKEY_SECRET` begins
    /// with the same key, and nobody without that key can tell whose it is, or find what one they know by id did.
    pub fn of(call: &Call, keys: &SealingKeys) -> Self {
        let caller = call.caller.as_ref();
        let of_caller = |text: fn(&Caller) -> &str| caller.map(text).unwrap_or_default();
        let user = caller.and_then(|caller| caller.user_id.as_deref());
        let pseudonym = user.and_then(|user| {
            let mac = keys.mac(keys.current_id(), Purpose::UserOfCall, &[user.as_bytes()])?;
            mac.get(..16).map(base64url)
        });
        let status = match call.end {
            End::Answered(status) => f64::from(status),
            End::Allowed | End::Unanswered | End::Refused(_) => 0.0,
        };
        let milliseconds = call.latency.map_or(-1.0, |latency| latency.as_secs_f64() * 1000.0);
        let blobs = [
            of_caller(|caller| &caller.client_id),
            of_caller(|caller| &caller.app_name),
            of_caller(|caller| &caller.developer_id),
            pseudonym.as_deref().unwrap_or_default(),
            &call.api_id,
            &call.route,
            call.method,
            &call.end.name(),
            &call.scopes,
        ];
        Self {
            index: cut(of_caller(|caller| &caller.client_id), MOST_OF_INDEX),
            blobs: blobs.map(|blob| cut(blob, MOST_OF_BLOB)),
            doubles: [milliseconds, status],
        }
    }
}

/// The first `most` bytes, and no half letter.
fn cut(text: &str, most: usize) -> String {
    let most = most.min(text.len());
    let end = (0..=most).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usage::call::testing::{answered, call, unknown};

    fn keys(byte: u8) -> SealingKeys {
        let key = base64url([byte; 32]);
        SealingKeys::parse(&format!("1:{key}")).unwrap()
    }

    // Covers: R76
    #[test]
    fn a_point_has_app_developer_user_route_method_scopes_and_outcome() {
        let call = answered("app_one", "/v1/{id}", 503, 12);
        let point = DataPoint::of(&call, &keys(7));
        let [app, name, developer, user, api, route, method, outcome, scopes] = &point.blobs;
        assert_eq!((&**app, &**name, &**developer), ("app_one", "App", "dev_one"));
        assert_eq!((&**api, &**route, &**method), ("api_one", "/v1/{id}", "GET"));
        assert_eq!((&**outcome, &**scopes, user.len()), ("503", "read", 22));
        assert_eq!((point.index.as_str(), point.doubles), ("app_one", [12.0, 503.0]));
    }

    #[test]
    fn a_user_is_a_pseudonym_that_only_the_key_can_make() {
        let user = |byte| DataPoint::of(&call("app_one", "/", ""), &keys(byte)).blobs[3].clone();
        assert_eq!(user(7), user(7));
        assert_ne!(user(7), user(8));
        let point = format!("{:?}", DataPoint::of(&call("app_one", "/", ""), &keys(7)));
        assert!(!point.contains("usr_a") && !point.contains("cns_"), "{point}");
    }

    #[test]
    fn a_caller_nobody_knows_is_an_empty_text() {
        let point = DataPoint::of(&unknown("/v1"), &keys(7));
        assert_eq!(point.index, "");
        assert!(point.blobs[..4].iter().all(String::is_empty));
        assert_eq!(point.blobs[7], "refused.token_required");
        assert_eq!(point.doubles, [-1.0, 0.0]);
    }

    #[test]
    fn long_names_are_cut_between_letters_so_that_no_point_is_refused() {
        let long = "ä".repeat(9000);
        let point = DataPoint::of(&call(&long, &long, &long), &keys(7));
        assert_eq!(point.index.len(), MOST_OF_INDEX);
        assert!(point.blobs.iter().map(String::len).sum::<usize>() <= 16_000);
    }
}
