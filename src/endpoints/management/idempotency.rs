//! `Idempotency-Key`: a creation that is sent again is not done again, and gets the answer of the first time, also the
//! secrets in it (draft-ietf-httpapi-idempotency-key-header). The answer is kept sealed, for a day.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::crypto;
use crate::crypto::keys::Purpose;
use crate::crypto::seal::{MAX_STORED, open_up_to, seal_up_to};
use crate::http::{Body, Reply, Request};
use crate::json;
use crate::management::actor::Actor;
use crate::management::problem::Problem;
use crate::store::Stores;
use crate::store::database::{Statement, Undone};

/// How long an answer is kept.
const KEPT: Duration = Duration::from_secs(24 * 3600);

/// Something to create: all of it, and the answer that says so, are known before it is done.
pub struct Creation {
    /// What to write.
    pub statements: Vec<Statement>,
    /// What to answer once it is written.
    pub reply: Reply,
    /// Why it could not be written, if a precondition did not hold.
    pub refused: Problem,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    status: u16,
    etag: Option<String>,
    location: Option<String>,
    body: String,
}

#[derive(Deserialize)]
struct Row {
    request_hash: String,
    sealed_reply: String,
}

/// The answer to this very request when it came before. Ask this before anything is drawn or looked at.
pub async fn replay<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    actor: &Actor,
) -> Result<Option<Reply>, Problem> {
    let Some(key) = key(request, actor)? else {
        return Ok(None);
    };
    let statement = Statement::new(
        "SELECT request_hash, sealed_reply FROM idempotency_keys WHERE key_hash = ?1 AND expires_at > ?2",
    );
    let found = context
        .stores
        .read(vec![statement.text(&key).time(context.now)])
        .await?;
    let Some(row) = found.first::<Row>(0)? else {
        return Ok(None);
    };
    if row.request_hash != request_hash(request) {
        return Err(Problem::KeyReused);
    }
    let keys = &context.config.sealing_keys;
    let kept = open_up_to(MAX_STORED, keys, Purpose::IdempotentReply, &row.sealed_reply);
    let kept: Kept = kept
        .and_then(|value| json::from_value(value).ok())
        .ok_or(Problem::Unavailable)?;
    let mut reply = Reply::new(kept.status, kept.body)
        .header("Content-Type", "application/json")
        .header("Idempotency-Replayed", "true");
    if let Some(etag) = kept.etag {
        reply = reply.header("ETag", etag);
    }
    if let Some(location) = kept.location {
        reply = reply.header("Location", location);
    }
    Ok(Some(reply))
}

/// Creates it, and keeps the answer for whoever sends the request again.
pub async fn create<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    actor: &Actor,
    creation: Creation,
) -> Result<Reply, Problem> {
    let Creation {
        mut statements,
        reply,
        refused,
    } = creation;
    if let Some(key) = key(request, actor)? {
        statements.insert(0, keep(context, request, &key, &reply)?);
    }
    match context.stores.transact(statements).await {
        Ok(_) => Ok(reply),
        // Perhaps the same request came twice at once, and the other was first.
        Err(Undone::Refused) => match replay(context, request, actor).await? {
            Some(reply) => Ok(reply),
            None => Err(refused),
        },
        Err(Undone::Store(_)) => Err(Problem::Unavailable),
    }
}

fn keep<S: Stores>(
    context: &Context<'_, S>,
    request: &Request,
    key: &str,
    reply: &Reply,
) -> Result<Statement, Problem> {
    let kept = Kept {
        status: reply.status,
        etag: reply.header_value("ETag").map(str::to_owned),
        location: reply.header_value("Location").map(str::to_owned),
        body: reply.body.to_string(),
    };
    let keys = &context.config.sealing_keys;
    let sealed = seal_up_to(MAX_STORED, keys, Purpose::IdempotentReply, context.random, &kept);
    // One that has expired makes room for another.
    let statement = Statement::new(
        "INSERT INTO idempotency_keys (key_hash, request_hash, sealed_reply, expires_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (key_hash) DO UPDATE SET request_hash = ?2, sealed_reply = ?3,
           expires_at = CASE WHEN expires_at <= ?5 THEN ?4 ELSE NULL END",
    );
    Ok(statement
        .text(key)
        .text(&request_hash(request))
        .text(&sealed.ok_or(Problem::Unavailable)?)
        .time(context.now + KEPT)
        .time(context.now))
}

/// A key is the sender's own, and good for one route.
fn key(request: &Request, actor: &Actor) -> Result<Option<String>, Problem> {
    let Some(key) = request.header("idempotency-key") else {
        return Ok(None);
    };
    let fits = (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if !fits {
        return Err(Problem::field(
            "Idempotency-Key",
            "must be 1 to 255 visible ASCII letters",
        ));
    }
    let (kind, id) = actor.named();
    let user = actor.user_id().unwrap_or_default();
    Ok(Some(crypto::hash(&format!(
        "{kind} {id} {user} {} {} {key}",
        request.method, request.path
    ))))
}

fn request_hash(request: &Request) -> String {
    match &request.body {
        Body::Bytes(bytes) => crypto::hash(&String::from_utf8_lossy(bytes)),
        Body::TooLarge | Body::Broken => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::management::actor::{Origin, UserInSession, Who};
    use crate::oauth::scope::Scopes;
    use crate::store::memory::Memory;

    fn actor(who: Who) -> Actor {
        pollster::block_on(Actor::load(&Memory::default(), who, false, Origin::default(), None)).unwrap()
    }

    fn user(id: &str) -> Actor {
        actor(Who::User(UserInSession {
            id: id.into(),
            name: id.into(),
            session: String::new(),
            may_develop: true,
        }))
    }

    fn app(client_id: &str, user_id: Option<&str>) -> Actor {
        actor(Who::App {
            client_id: client_id.into(),
            user_id: user_id.map(str::to_owned),
            scopes: Scopes::default(),
        })
    }

    fn request(method: &str, path: &str, key: &str) -> Request {
        Request {
            method: method.into(),
            path: path.into(),
            headers: [("idempotency-key".to_owned(), key.to_owned())].into(),
            ..Request::default()
        }
    }

    #[test]
    fn no_two_senders_and_no_two_routes_share_a_key() {
        let actors = [
            user("usr_a"),
            user("usr_b"),
            app("app_a", None),
            app("app_b", None),
            app("app_a", Some("usr_a")),
            app("app_a", Some("usr_b")),
            app("app_b", Some("usr_a")),
        ];
        let mut keys = Vec::new();
        for actor in &actors {
            for (method, path) in [("POST", "/api/x"), ("POST", "/api/y"), ("PUT", "/api/x")] {
                for name in ["one", "two"] {
                    keys.push(key(&request(method, path, name), actor).unwrap().unwrap());
                }
            }
        }
        let count = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), count);
    }

    #[test]
    fn a_key_is_visible_ascii_and_short() {
        let of = |name: &str| key(&request("POST", "/api/x", name), &user("usr_a"));
        for good in ["x", "8e03978e-40d5-43dd-bc93-6894a57f9324", "a b", &"x".repeat(255)] {
            assert!(of(good).is_ok_and(|key| key.is_some()), "{good}");
        }
        for bad in ["", "é", "a\tb", "a\nb", &"x".repeat(256)] {
            assert!(of(bad).is_err(), "{bad:?}");
        }
        assert!(key(&Request::default(), &user("usr_a")).is_ok_and(|key| key.is_none()));
    }
}
