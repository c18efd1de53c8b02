//! Apps whose client id is the address of a document, as the directory keeps them.
//!
//! Until a developer claims such an app or a reviewer approves it, it is what its document says. From then on its name,
//! permissions and pages are those of the portal; of the document only what takes something away counts, and its keys, which
//! rotate.

use serde_json::json;

use super::{UNCLAIMED, record};
use crate::crypto;
use crate::management::actor::Origin;
use crate::management::review::state::Life;
use crate::oauth::client_metadata::ClientMetadata;
use crate::oauth::metadata_document::{DocumentUrl, MetadataDocument};
use crate::random::{self, Random};
use crate::store::database::Statement;
use crate::time::Timestamp;

/// How long a document that could not be had is not asked for again while its last good copy serves.
const PAUSE: std::time::Duration = std::time::Duration::from_secs(5 * 60);

/// A document that was accepted, for its client id.
#[derive(Debug)]
pub struct Accepted<'a> {
    /// The client id.
    pub url: &'a DocumentUrl,
    /// What it says.
    pub document: &'a MetadataDocument,
    /// When it was asked for.
    pub fetched_at: Timestamp,
    /// Who made it be asked for.
    pub origin: &'a Origin,
}

impl Accepted<'_> {
    /// What it changes in the directory: the app, its redirect URIs and scopes, and when to ask again. An app that was
    /// deleted stays so. The audit trail tells of the first time and of every change.
    pub fn statements(&self, random: &dyn Random) -> Vec<Statement> {
        let mut statements = vec![self.app(), self.managed_app()];
        // What the document does not name is nowhere to send codes to, whoever approved it; what it adds is for the app's
        // developer to add, or for the next review.
        statements.extend(record::redirect_uris(self.client_id(), self.metadata(), &own()));
        statements.extend(record::scopes(self.client_id(), self.metadata(), &own()));
        statements.push(self.entry(random));
        statements.push(self.copy());
        statements
    }

    fn metadata(&self) -> &ClientMetadata {
        &self.document.metadata
    }

    fn client_id(&self) -> &str {
        self.url.as_str()
    }

    fn name(&self) -> String {
        self.metadata().name.clone().unwrap_or_else(|| self.url.host())
    }

    /// As it is while nobody here has taken it into their hands: all of it is the document's. Its host stands for its developer, because the host is all
    /// that is proved.
    fn app(&self) -> Statement {
        let metadata = self.metadata();
        Statement::new(format!(
            "INSERT INTO apps (client_id, developer_id, approved_developer_name, name, description, app_type, class, status,
                               authentication, jwks, jwks_uri, homepage_url, privacy_policy_url, terms_of_service_url,
                               dpop_bound_access_tokens, created_at, unused_since)
             VALUES (?1, '{UNCLAIMED}', ?2, ?3, '', ?4, 'metadata_document', '{new}', ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?12)
             ON CONFLICT (client_id) DO UPDATE SET
               name = excluded.name, app_type = excluded.app_type, authentication = excluded.authentication,
               jwks = excluded.jwks, jwks_uri = excluded.jwks_uri, homepage_url = excluded.homepage_url,
               privacy_policy_url = excluded.privacy_policy_url, terms_of_service_url = excluded.terms_of_service_url,
               dpop_bound_access_tokens = excluded.dpop_bound_access_tokens, version = version + 1
             WHERE {own} AND {CHANGED}",
            own = own(),
            new = Life::NEW.status.name()
        ))
        .text(self.client_id())
        .text(&self.url.host())
        .text(&self.name())
        .text(metadata.app_type.name())
        .text(record::authentication(metadata))
        .optional_text(record::jwks(self.metadata()).as_deref())
        .optional_text(metadata.jwks_uri.as_ref().map(|address| address.as_str()))
        .optional_text(metadata.client_uri.as_deref())
        .optional_text(metadata.policy_uri.as_deref())
        .optional_text(metadata.tos_uri.as_deref())
        .number(u8::from(metadata.dpop_bound_access_tokens))
        .time(self.fetched_at)
        .text(&self.digest())
    }

    /// As it is from then on: its keys are the document's still.
    fn managed_app(&self) -> Statement {
        Statement::new(format!(
            "UPDATE apps SET jwks = ?2, jwks_uri = ?3
             WHERE client_id = ?1 AND class = 'metadata_document' AND deleted_at IS NULL AND NOT ({})",
            own()
        ))
        .text(self.client_id())
        .optional_text(record::jwks(self.metadata()).as_deref())
        .optional_text(self.metadata().jwks_uri.as_ref().map(|address| address.as_str()))
    }

    /// Written before the copy: whether anything changed is asked of the one before.
    fn entry(&self, random: &dyn Random) -> Statement {
        Statement::new(
            "INSERT INTO audit (id, at, event, actor_type, actor_id, client_id, developer_id, target_type, target_id,
                                request_id, country, address_hash, detail)
             SELECT ?1, ?2, CASE WHEN d.client_id IS NULL THEN 'app.document_accepted' ELSE 'app.document_changed' END,
                    'app', a.client_id, a.client_id, a.developer_id, 'app', a.client_id, ?5, ?6, ?7, ?8
             FROM apps a LEFT JOIN metadata_documents d ON d.client_id = a.client_id
             WHERE a.client_id = ?3 AND a.class = 'metadata_document' AND a.deleted_at IS NULL AND d.digest IS NOT ?4",
        )
        .text(&random::identifier(random, "evt_"))
        .time(self.fetched_at)
        .text(self.client_id())
        .text(&self.digest())
        .text(&self.origin.request_id)
        .optional_text(self.origin.country.as_deref())
        .optional_text(self.origin.address_hash.as_deref())
        .text(&json!({ "digest": self.digest() }).to_string())
    }

    fn copy(&self) -> Statement {
        Statement::new(
            "INSERT INTO metadata_documents (client_id, digest, fetched_at, fresh_until)
             SELECT client_id, ?2, ?3, ?4 FROM apps
             WHERE client_id = ?1 AND class = 'metadata_document' AND deleted_at IS NULL
             ON CONFLICT (client_id) DO UPDATE SET
               digest = excluded.digest, fetched_at = excluded.fetched_at, fresh_until = excluded.fresh_until
             WHERE excluded.fetched_at >= fetched_at",
        )
        .text(self.client_id())
        .text(&self.digest())
        .time(self.fetched_at)
        .time(self.fetched_at + self.document.fresh_for)
    }

    fn digest(&self) -> String {
        let metadata = self.metadata();
        let address = metadata.jwks_uri.as_ref().map(|address| address.as_str());
        let uris: Vec<&str> = metadata.redirect_uris.iter().map(|uri| uri.as_str()).collect();
        let kept = json!([
            self.name(),
            metadata.app_type.name(),
            metadata.authentication.name(),
            uris,
            metadata.scope.as_ref().map(ToString::to_string),
            metadata.jwks,
            address,
            metadata.client_uri,
            metadata.policy_uri,
            metadata.tos_uri,
            metadata.dpop_bound_access_tokens,
        ]);
        crypto::hash(&kept.to_string())
    }
}

/// Nobody has claimed or reviewed it.
fn own() -> String {
    format!(
        "apps.class = 'metadata_document' AND apps.developer_id = '{UNCLAIMED}' AND apps.approved_at IS NULL
         AND apps.deleted_at IS NULL"
    )
}

/// The document says something else than it did.
const CHANGED: &str =
    "NOT EXISTS (SELECT 1 FROM metadata_documents d WHERE d.client_id = apps.client_id AND d.digest = ?13)";

/// The document could not be had at `now`, and the copy serves: it is not asked for again for a while.
pub fn postpone(client_id: &str, now: Timestamp) -> Statement {
    Statement::new("UPDATE metadata_documents SET fresh_until = max(fresh_until, ?2) WHERE client_id = ?1")
        .text(client_id)
        .time(now + PAUSE)
}
