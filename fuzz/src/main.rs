//! Fuzz targets: parsers under libFuzzer, each with properties that hold for whatever bytes come in.
//!
//! A new one is a function, a line in `TARGETS` and a folder `corpus/<name>/` with an input or two to begin with.
//! `tools/fuzz` runs every folder's target.
#![no_main]

mod client_keys;
mod oauth;
mod sealed;
mod wire;

use std::sync::LazyLock;

type Target = fn(&[u8]);

const TARGETS: &[(&str, Target)] = &[
    ("access_token", sealed::access_token),
    ("authorization_code", sealed::authorization_code),
    ("basic_header", wire::basic_header),
    ("client_assertion", client_keys::client_assertion),
    ("cookie", wire::cookie),
    ("dpop_proof", client_keys::dpop_proof),
    ("form", wire::form),
    ("id_jag", client_keys::id_jag),
    ("json", wire::json),
    ("jwk_set", client_keys::jwk_set),
    ("pkce", oauth::pkce),
    ("query", wire::query),
    ("redirect_uri", oauth::redirect_uri),
    ("refresh_token", sealed::refresh_token),
    ("resource", oauth::resource),
    ("route", wire::route),
    ("scope", oauth::scope),
    ("sealed_value", sealed::sealed_value),
];

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let wanted = std::env::var("LATCHKEY_FUZZ_TARGET").unwrap_or_default();
    let found = TARGETS.iter().find(|(name, _)| *name == wanted);
    found.map_or_else(|| panic!("no fuzz target is named '{wanted}'"), |(_, target)| *target)
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| (*TARGET)(data));

/// The text of an input; what is not UTF-8 tries nothing that a request could carry.
fn text(data: &[u8]) -> &str {
    std::str::from_utf8(data).unwrap_or_default()
}
