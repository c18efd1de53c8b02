//! Codes in KV, with their copy in D1; and logos.

use serde::Deserialize;

use super::d1::{Statement, batch, rows};
use super::stores::{EdgeStores, store_error};
use crate::json;
use crate::looks::LogoName;
use crate::oauth::authorization_code::CodePayload;
use crate::store::{Codes, Logos, StoreError};

/// Seconds a code stays in KV. It expires by itself before that; KV takes no less than 60.
const TTL: u64 = 300;

#[derive(Deserialize)]
struct CopyRow {
    payload: String,
}

impl Codes for EdgeStores {
    async fn put_code(&self, hash: &str, payload: &CodePayload) -> Result<(), StoreError> {
        let payload = serde_json::to_string(payload).map_err(|error| store_error("kv", error))?;
        let kv = self.env().kv("KV").map_err(|error| store_error("kv", error))?;
        let put = kv.put(&key(hash), payload).map_err(|error| store_error("kv", error))?;
        put.expiration_ttl(TTL)
            .execute()
            .await
            .map_err(|error| store_error("kv", error))
    }

    async fn code(&self, hash: &str) -> Result<Option<CodePayload>, StoreError> {
        let kv = self.env().kv("KV").map_err(|error| store_error("kv", error))?;
        let payload = kv
            .get(&key(hash))
            .text()
            .await
            .map_err(|error| store_error("kv", error))?;
        parse(payload)
    }

    async fn code_copy(&self, hash: &str) -> Result<Option<CodePayload>, StoreError> {
        let statement = Statement::new("SELECT payload FROM authorization_codes WHERE code_hash = ?1").text(hash);
        let results = batch(&self.database()?, vec![statement]).await?;
        parse(rows::<CopyRow>(&results, 0)?.into_iter().next().map(|row| row.payload))
    }
}

impl Logos for EdgeStores {
    async fn logo(&self, name: &LogoName) -> Result<Option<Vec<u8>>, StoreError> {
        let kv = self.env().kv("KV").map_err(|error| store_error("kv", error))?;
        let logo = kv.get(&logo_key(name));
        logo.bytes().await.map_err(|error| store_error("kv", error))
    }

    async fn put_logo(&self, name: &LogoName, bytes: &[u8]) -> Result<(), StoreError> {
        let kv = self.env().kv("KV").map_err(|error| store_error("kv", error))?;
        let put = kv.put_bytes(&logo_key(name), bytes);
        let put = put.map_err(|error| store_error("kv", error))?;
        put.execute().await.map_err(|error| store_error("kv", error))
    }

    async fn delete_logo(&self, name: &LogoName) -> Result<(), StoreError> {
        let kv = self.env().kv("KV").map_err(|error| store_error("kv", error))?;
        kv.delete(&logo_key(name))
            .await
            .map_err(|error| store_error("kv", error))
    }
}

fn logo_key(name: &LogoName) -> String {
    format!("logo:{}", name.as_str())
}

fn key(hash: &str) -> String {
    format!("code:{hash}")
}

fn parse(payload: Option<String>) -> Result<Option<CodePayload>, StoreError> {
    let payload = payload.map(|payload| json::from_str(&payload)).transpose();
    payload.map_err(|error| store_error("kv", error))
}
