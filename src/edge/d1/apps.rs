//! Apps and API credentials.

use std::rc::Rc;

use serde::Deserialize;

use super::{Statement, batch, rows};
use crate::edge::cache::Cache;
use crate::edge::stores::{EdgeStores, store_error};
use crate::edge::surroundings::now;
use crate::json;
use crate::oauth::client::App;
use crate::oauth::client_keys::KnownClientKeys;
use crate::store::{ApiCredential, Apps, StoreError};
use crate::time::Timestamp;

/// An app with all that decisions need, as one JSON value.
pub const APP: &str = include_str!("app.sql");

thread_local! {
    static APPS: Cache<App> = const { Cache::new() };
    static KEYS: Rc<KnownClientKeys> = Rc::default();
    static CREDENTIALS: Cache<ApiCredential> = const { Cache::new() };
}

/// The one column of [`APP`].
#[derive(Deserialize)]
pub struct AppRow {
    record: String,
}

impl AppRow {
    /// Reads the record.
    pub fn parse(rows: Vec<Self>) -> Result<Option<App>, StoreError> {
        let record = rows
            .into_iter()
            .next()
            .map(|row| json::from_str(&row.record))
            .transpose();
        record.map_err(|error| store_error("d1", error))
    }
}

/// Keeps a record whose read began at `read_at`.
pub fn remember(app: &Rc<App>, read_at: Timestamp) {
    APPS.with(|cache| cache.put(&app.client_id, app, read_at));
}

impl EdgeStores {
    async fn read_app(&self, client_id: &str) -> Result<Option<Rc<App>>, StoreError> {
        let read_at = now();
        let results = batch(&self.database()?, vec![Statement::new(APP).text(client_id)]).await?;
        let app = AppRow::parse(rows(&results, 0)?)?.map(Rc::new);
        if let Some(app) = &app {
            remember(app, read_at);
        }
        Ok(app)
    }
}

impl Apps for EdgeStores {
    async fn app(&self, client_id: &str) -> Result<Option<Rc<App>>, StoreError> {
        match APPS.with(|cache| cache.get(client_id, now())) {
            Some(app) => Ok(Some(app)),
            None => self.read_app(client_id).await,
        }
    }

    async fn app_since(&self, client_id: &str, since: Timestamp) -> Result<Option<Rc<App>>, StoreError> {
        match APPS.with(|cache| cache.get_since(client_id, since, now())) {
            Some(app) => Ok(Some(app)),
            None => self.read_app(client_id).await,
        }
    }

    fn known_client_keys(&self) -> Rc<KnownClientKeys> {
        KEYS.with(Rc::clone)
    }

    async fn api_credential(&self, id: &str) -> Result<Option<Rc<ApiCredential>>, StoreError> {
        // The prefix tells an API's credential from an app, so no trip is made for the other kind.
        if !id.starts_with("apc_") {
            return Ok(None);
        }
        let read_at = now();
        if let Some(credential) = CREDENTIALS.with(|cache| cache.get(id, read_at)) {
            return Ok(Some(credential));
        }
        let statement = Statement::new(
            "SELECT c.secret_hash, a.resource FROM api_credentials c JOIN apis a ON a.id = c.api_id WHERE c.id = ?1",
        );
        let results = batch(&self.database()?, vec![statement.text(id)]).await?;
        let credential = rows(&results, 0)?.into_iter().next().map(Rc::new);
        if let Some(credential) = &credential {
            CREDENTIALS.with(|cache| cache.put(id, credential, read_at));
        }
        Ok(credential)
    }
}
