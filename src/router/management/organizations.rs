//! Organizations: their issuers, members, and what they decide about apps.

use super::{Area, Entry};

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Organizations {
    /// The page that lists them.
    ListPage,
    /// The form there that makes one.
    CreateForm,
    /// The page of one.
    Page,
    /// The forms there.
    Form,
    /// All of them, as JSON.
    List,
    /// Making one.
    Create,
    /// One of them, with its issuers and decisions.
    Read,
    /// Renaming or suspending it.
    Edit,
    /// Its members.
    Members,
    /// Making somebody a member, or an administrator.
    SetMember,
    /// Removing a member.
    RemoveMember,
    /// Trusting an issuer.
    Trust,
    /// Changing how far it is trusted.
    EditIssuer,
    /// Whom its subjects name.
    People,
    /// Saying whom one of its subjects names.
    Link,
    /// Taking that back.
    Unlink,
    /// What was decided about an app.
    ReadApp,
    /// Deciding about an app.
    SetApp,
}

use Organizations as O;

const fn entry(method: &'static str, path: &'static str, name: &'static str, route: O) -> Entry {
    Entry {
        method,
        path,
        name,
        area: Area::Organizations(route),
    }
}

/// Their routes.
#[rustfmt::skip]
pub const TABLE: &[Entry] = &[
    entry("GET", "/admin/organizations", "organizations_page", O::ListPage),
    entry("POST", "/admin/organizations", "create_organization_form", O::CreateForm),
    entry("GET", "/admin/organizations/{organization_id}", "organization_page", O::Page),
    entry("POST", "/admin/organizations/{organization_id}", "organization_form", O::Form),
    entry("GET", "/api/admin/organizations", "list_organizations", O::List),
    entry("POST", "/api/admin/organizations", "create_organization", O::Create),
    entry("GET", "/api/admin/organizations/{organization_id}", "read_organization", O::Read),
    entry("PATCH", "/api/admin/organizations/{organization_id}", "edit_organization", O::Edit),
    entry("GET", "/api/admin/organizations/{organization_id}/members", "list_organization_members", O::Members),
    entry("PUT", "/api/admin/organizations/{organization_id}/members/{user_id}", "set_organization_member", O::SetMember),
    entry("DELETE", "/api/admin/organizations/{organization_id}/members/{user_id}", "remove_organization_member", O::RemoveMember),
    entry("POST", "/api/admin/organizations/{organization_id}/issuers", "trust_issuer", O::Trust),
    entry("PATCH", "/api/admin/organizations/{organization_id}/issuers/{issuer_id}", "edit_trusted_issuer", O::EditIssuer),
    entry("GET", "/api/admin/organizations/{organization_id}/issuers/{issuer_id}/people", "list_linked_people", O::People),
    entry("POST", "/api/admin/organizations/{organization_id}/issuers/{issuer_id}/people", "link_person", O::Link),
    entry("DELETE", "/api/admin/organizations/{organization_id}/issuers/{issuer_id}/people/{subject}", "unlink_person", O::Unlink),
    entry("GET", "/api/admin/organizations/{organization_id}/apps/{client_id}", "read_organization_app", O::ReadApp),
    entry("PUT", "/api/admin/organizations/{organization_id}/apps/{client_id}", "set_organization_app", O::SetApp),
];
