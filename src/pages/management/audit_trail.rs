//! The page of the audit trail.

use askama::Template;

use super::{FormState, Frame, NextPage};
use crate::management::audit_trail::entry::AuditEntry;
use crate::management::audit_trail::events::Kind;

/// The audit trail.
#[derive(Template)]
#[template(path = "management/audit.html")]
pub struct AuditPage<'a> {
    /// What every page here is given.
    pub frame: Frame<'a>,
    /// What was looked for.
    pub form: &'a FormState,
    /// Every event there is.
    pub kinds: &'a [Kind],
    /// Whether anything was looked for.
    pub is_filtered: bool,
    /// What was found.
    pub entries: &'a [AuditEntry],
    /// What is behind it.
    pub next: Option<NextPage>,
}
