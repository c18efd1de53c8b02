//! The audit trail.

use super::{Area, Entry};

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditTrail {
    /// The console's page.
    Page,
    /// All of it, as JSON.
    List,
    /// All of it, a line of JSON each.
    Export,
    /// The part of an app, for its developers.
    OfApp,
}

const fn entry(path: &'static str, name: &'static str, route: AuditTrail) -> Entry {
    Entry {
        method: "GET",
        path,
        name,
        area: Area::AuditTrail(route),
    }
}

/// Its routes.
pub const TABLE: &[Entry] = &[
    entry("/admin/audit", "audit_page", AuditTrail::Page),
    entry("/api/admin/audit", "list_audit", AuditTrail::List),
    entry("/api/admin/audit.ndjson", "export_audit", AuditTrail::Export),
    entry(
        "/api/developer/apps/{client_id}/audit",
        "list_app_audit",
        AuditTrail::OfApp,
    ),
];
