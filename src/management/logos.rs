//! Which logos in KV are still needed. KV holds pictures under their hash and knows nothing of who shows them; the records
//! that name one are in the database, and so is a row for each logo that was uploaded.
//!
//! A logo goes when nothing has named it for a week. Deleting in one store by what another says would lose a picture that
//! somebody chooses in between, so both sides meet in its row:
//!
//! * Whoever is about to name a logo keeps it first ([`keep_uploaded`], [`keep_named`]), before KV is written or looked at. From
//!   then on it is left alone for a week, which is longer than any request takes.
//! * A run deletes only what it has claimed, in the transaction that saw that nothing names it. While it is claimed, nobody
//!   can keep it: the upload is refused, and good a moment later. The row goes after the picture, so that no upload comes
//!   between the two.
//! * A run that broke off leaves its claims. They are void when it can be alive no more, and the logo is looked at anew.
//!
//! Everything else that puts a name into a record takes it from one that has it: a draft that is submitted, a submission that
//! is approved. Such a logo is named all the time.

use std::time::Duration;

use serde::Deserialize;

use crate::looks::LogoName;
use crate::management::problem::Problem;
use crate::random::{self, Random};
use crate::store::StoreError;
use crate::store::database::{Found, Statement};
use crate::time::Timestamp;

/// How long a logo is left alone after it was kept, and how long nothing must have named it.
const GRACE: Duration = Duration::from_secs(7 * 24 * 3600);
/// How often each logo is looked at.
const DAY: Duration = Duration::from_secs(24 * 3600);
/// How long a run may be alive: Cloudflare ends a scheduled one after a quarter of an hour.
const LONGEST_RUN: Duration = Duration::from_secs(20 * 60);
/// How many logos one run looks at.
const LOOKED_AT: u32 = 200;
/// How many of them one run deletes, one after another.
const DELETED: u32 = 20;

/// Why a logo cannot be kept.
pub const GOING: Problem = Problem::Conflict(
    "nothing has shown this picture for a week and it is being deleted: send it again in a few minutes",
);

/// Whether something names the logo of the row at hand; `?1` is the platform's by its variable. What was submitted is shown
/// for as long as there is the app. (`+`: a column compared with an expression would keep the index of that from being used.)
const IS_NAMED: &str = "(name IS ?1
  OR EXISTS (SELECT 1 FROM apps WHERE logo = logos.name AND logo IS NOT NULL AND deleted_at IS NULL)
  OR EXISTS (SELECT 1 FROM apps
             WHERE json_extract(draft, '$.logo') = +logos.name AND draft IS NOT NULL AND deleted_at IS NULL)
  OR EXISTS (SELECT 1 FROM submissions s JOIN apps a ON a.client_id = s.client_id
             WHERE json_extract(s.content, '$.logo') = +logos.name AND a.deleted_at IS NULL)
  OR EXISTS (SELECT 1 FROM settings s WHERE s.name = 'branding' AND json_extract(s.value, '$.logo') = logos.name))";

/// Keeps a logo that is about to be put into KV. Refused while it is being deleted.
pub fn keep_uploaded(logo: &LogoName, now: Timestamp) -> [Statement; 2] {
    let keep = Statement::new(
        "INSERT INTO logos (name, look_at) VALUES (?1, ?2)
         ON CONFLICT (name) DO UPDATE SET look_at = ?2, unused_since = NULL",
    );
    [is_not_going(logo), keep.text(logo.as_str()).time(now + GRACE)]
}

/// Keeps a logo that should be in KV already. One that the operator put there gets no row, and stays for ever.
pub fn keep_named(logo: &LogoName, now: Timestamp) -> [Statement; 2] {
    let keep = Statement::new("UPDATE logos SET look_at = ?2, unused_since = NULL WHERE name = ?1");
    [is_not_going(logo), keep.text(logo.as_str()).time(now + GRACE)]
}

fn is_not_going(logo: &LogoName) -> Statement {
    Statement::require("NOT EXISTS (SELECT 1 FROM logos WHERE name = ?1 AND claim IS NOT NULL)").text(logo.as_str())
}

/// What one run deletes.
#[derive(Debug)]
pub struct Claim(String);

impl Claim {
    /// For a run that begins.
    pub fn draw(random: &dyn Random) -> Self {
        Self(random::identifier(random, "run_"))
    }

    /// Looks at logos whose turn it is, and claims what can go. `platforms`: the logo that a variable names.
    pub fn statements(&self, platforms: Option<&LogoName>, now: Timestamp) -> Vec<Statement> {
        let look = format!(
            "UPDATE logos SET look_at = ?2, claim = NULL,
                              unused_since = CASE WHEN {IS_NAMED} THEN NULL ELSE COALESCE(unused_since, ?3) END
             WHERE name IN (SELECT name FROM logos WHERE look_at <= ?3 ORDER BY look_at LIMIT ?4)"
        );
        let claim = format!(
            "UPDATE logos SET claim = ?2, look_at = ?3
             WHERE name IN (SELECT name FROM logos WHERE unused_since <= ?4 AND claim IS NULL ORDER BY unused_since LIMIT ?5)
               AND NOT {IS_NAMED}"
        );
        let platforms = platforms.map(LogoName::as_str);
        vec![
            Statement::new(look)
                .optional_text(platforms)
                .time(now + DAY)
                .time(now)
                .number(LOOKED_AT),
            Statement::new(claim)
                .optional_text(platforms)
                .text(&self.0)
                .time(now + LONGEST_RUN)
                .time(now - GRACE)
                .number(DELETED),
            Statement::new("SELECT name FROM logos WHERE claim = ?1").text(&self.0),
        ]
    }

    /// What was claimed.
    pub fn claimed(&self, found: &Found) -> Result<Vec<String>, StoreError> {
        #[derive(Deserialize)]
        struct Row {
            name: String,
        }
        Ok(found.rows::<Row>(2)?.into_iter().map(|row| row.name).collect())
    }

    /// Forgets what is gone from KV.
    pub fn forget(&self, gone: &[String]) -> Statement {
        let gone = serde_json::to_string(gone).unwrap_or_default();
        Statement::new("DELETE FROM logos WHERE claim = ?1 AND name IN (SELECT value FROM json_each(?2))")
            .text(&self.0)
            .text(&gone)
    }
}
