//! What administrators decide.

use super::{Area, Entry};
use crate::management::policy::Kind;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// The first page.
    OverviewPage,
    /// The button there that puts the management API into the catalogue.
    OverviewForm,
    /// All things of a kind.
    List(Kind),
    /// A new one.
    Create(Kind),
    /// One of them.
    Read(Kind),
    /// Changing it.
    Edit(Kind),
    /// Deleting it.
    Delete(Kind),
    /// The page with all things of a kind.
    ListPage(Kind),
    /// The form there that makes another.
    CreateForm(Kind),
    /// The page of one of them.
    ItemPage(Kind),
    /// The forms there that change or delete it.
    EditForm(Kind),
    /// The route rules of an API.
    ReadRoutes,
    /// Setting them.
    SetRoutes,
    /// What decides about a call.
    TryRoute,
    /// What an OpenAPI document would make of them.
    ImportRoutes,
    /// The page about them.
    RoutesPage,
    /// The forms there.
    RoutesForm,
    /// They as a file.
    RoutesFile,
    /// The page that takes an OpenAPI document.
    ImportRoutesPage,
    /// The form there: it shows what the document would make of them.
    ImportRoutesForm,
    /// What an API tells its clients of this server.
    ReadProtectedResource,
    /// The credentials of an API.
    ListCredentials,
    /// Another.
    CreateCredential,
    /// Deleting one.
    DeleteCredential,
    /// The forms that do both.
    CredentialsForm,
    /// The grants of an API.
    ListGrants,
    /// A grant.
    ReadGrant,
    /// Setting it.
    SetGrant,
    /// Removing it.
    RemoveGrant,
    /// The page of a grant.
    GrantPage,
    /// The forms there.
    GrantForm,
    /// Whether a connection's provider can be used.
    CheckConnection,
    /// The same by a button.
    CheckConnectionForm,
    /// How pages look.
    ReadBranding,
    /// Changing it.
    EditBranding,
    /// The page about it.
    BrandingPage,
    /// The form there.
    BrandingForm,
    /// A new logo of the platform.
    PutLogo,
    /// The same by a form.
    LogoForm,
    /// The button that takes it away.
    RemoveLogoForm,
    /// Reviewers and administrators.
    ListRoles,
    /// Appointing one.
    Appoint,
    /// Taking a role from one.
    RemoveRole,
    /// The page about them.
    RolesPage,
    /// The forms there.
    RolesForm,
    /// Making an app for a developer account.
    CreateApp,
    /// The page for it.
    NewAppPage,
    /// The form there.
    NewAppForm,
    /// The policy of an app.
    ReadAppPolicy,
    /// Changing it.
    EditAppPolicy,
    /// The page of an app's policy and grants.
    AppPolicyPage,
    /// The form there.
    AppPolicyForm,
}

const fn entry(method: &'static str, path: &'static str, name: &'static str, route: Policy) -> Entry {
    Entry {
        method,
        path,
        name,
        area: Area::Policy(route),
    }
}

use Kind::{Api, Connection, RateTier, Scope};
use Policy as P;

/// Its routes.
#[rustfmt::skip]
pub const TABLE: &[Entry] = &[
    entry("GET", "/admin/policy", "policy_page", P::OverviewPage),
    entry("POST", "/admin/policy", "policy_form", P::OverviewForm),

    entry("GET", "/api/admin/apis", "list_apis", P::List(Api)),
    entry("POST", "/api/admin/apis", "create_api", P::Create(Api)),
    entry("GET", "/api/admin/apis/{api_id}", "read_api", P::Read(Api)),
    entry("PATCH", "/api/admin/apis/{api_id}", "edit_api", P::Edit(Api)),
    entry("DELETE", "/api/admin/apis/{api_id}", "delete_api", P::Delete(Api)),
    entry("GET", "/admin/policy/apis", "apis_page", P::ListPage(Api)),
    entry("POST", "/admin/policy/apis", "create_api_form", P::CreateForm(Api)),
    entry("GET", "/admin/policy/apis/{api_id}", "api_page", P::ItemPage(Api)),
    entry("POST", "/admin/policy/apis/{api_id}", "edit_api_form", P::EditForm(Api)),

    entry("GET", "/api/admin/apis/{api_id}/routes", "read_routes", P::ReadRoutes),
    entry("PUT", "/api/admin/apis/{api_id}/routes", "set_routes", P::SetRoutes),
    entry("GET", "/api/admin/apis/{api_id}/routes/match", "match_route", P::TryRoute),
    entry("POST", "/api/admin/apis/{api_id}/routes/import", "import_routes", P::ImportRoutes),
    entry("GET", "/admin/policy/apis/{api_id}/routes", "routes_page", P::RoutesPage),
    entry("POST", "/admin/policy/apis/{api_id}/routes", "routes_form", P::RoutesForm),
    entry("GET", "/admin/policy/apis/{api_id}/routes/file", "routes_file", P::RoutesFile),
    entry("GET", "/admin/policy/apis/{api_id}/routes/import", "import_routes_page", P::ImportRoutesPage),
    entry("POST", "/admin/policy/apis/{api_id}/routes/import", "import_routes_form", P::ImportRoutesForm),

    entry("GET", "/api/admin/apis/{api_id}/protected-resource", "read_protected_resource", P::ReadProtectedResource),
    entry("GET", "/api/admin/apis/{api_id}/credentials", "list_api_credentials", P::ListCredentials),
    entry("POST", "/api/admin/apis/{api_id}/credentials", "create_api_credential", P::CreateCredential),
    entry("DELETE", "/api/admin/apis/{api_id}/credentials/{credential_id}", "delete_api_credential", P::DeleteCredential),
    entry("POST", "/admin/policy/apis/{api_id}/credentials", "api_credentials_form", P::CredentialsForm),

    entry("GET", "/api/admin/apis/{api_id}/grants", "list_client_grants", P::ListGrants),
    entry("GET", "/api/admin/apis/{api_id}/grants/{grantee}/{subject_type}", "read_client_grant", P::ReadGrant),
    entry("PUT", "/api/admin/apis/{api_id}/grants/{grantee}/{subject_type}", "set_client_grant", P::SetGrant),
    entry("DELETE", "/api/admin/apis/{api_id}/grants/{grantee}/{subject_type}", "remove_client_grant", P::RemoveGrant),
    entry("GET", "/admin/policy/apis/{api_id}/grants/{grantee}/{subject_type}", "client_grant_page", P::GrantPage),
    entry("POST", "/admin/policy/apis/{api_id}/grants/{grantee}/{subject_type}", "client_grant_form", P::GrantForm),

    entry("GET", "/api/admin/scopes", "list_scopes", P::List(Scope)),
    entry("POST", "/api/admin/scopes", "create_scope", P::Create(Scope)),
    entry("GET", "/api/admin/scopes/{scope}", "read_scope", P::Read(Scope)),
    entry("PATCH", "/api/admin/scopes/{scope}", "edit_scope", P::Edit(Scope)),
    entry("DELETE", "/api/admin/scopes/{scope}", "delete_scope", P::Delete(Scope)),
    entry("GET", "/admin/policy/scopes", "scopes_page", P::ListPage(Scope)),
    entry("POST", "/admin/policy/scopes", "create_scope_form", P::CreateForm(Scope)),
    entry("GET", "/admin/policy/scopes/{scope}", "scope_page", P::ItemPage(Scope)),
    entry("POST", "/admin/policy/scopes/{scope}", "edit_scope_form", P::EditForm(Scope)),

    entry("GET", "/api/admin/rate-tiers", "list_rate_tiers", P::List(RateTier)),
    entry("POST", "/api/admin/rate-tiers", "create_rate_tier", P::Create(RateTier)),
    entry("GET", "/api/admin/rate-tiers/{rate_tier}", "read_rate_tier", P::Read(RateTier)),
    entry("PATCH", "/api/admin/rate-tiers/{rate_tier}", "edit_rate_tier", P::Edit(RateTier)),
    entry("DELETE", "/api/admin/rate-tiers/{rate_tier}", "delete_rate_tier", P::Delete(RateTier)),
    entry("GET", "/admin/policy/rate-tiers", "rate_tiers_page", P::ListPage(RateTier)),
    entry("POST", "/admin/policy/rate-tiers", "create_rate_tier_form", P::CreateForm(RateTier)),
    entry("GET", "/admin/policy/rate-tiers/{rate_tier}", "rate_tier_page", P::ItemPage(RateTier)),
    entry("POST", "/admin/policy/rate-tiers/{rate_tier}", "edit_rate_tier_form", P::EditForm(RateTier)),

    entry("GET", "/api/admin/connections", "list_connections", P::List(Connection)),
    entry("POST", "/api/admin/connections", "create_connection", P::Create(Connection)),
    entry("GET", "/api/admin/connections/{connection_id}", "read_connection", P::Read(Connection)),
    entry("PATCH", "/api/admin/connections/{connection_id}", "edit_connection", P::Edit(Connection)),
    entry("DELETE", "/api/admin/connections/{connection_id}", "delete_connection", P::Delete(Connection)),
    entry("POST", "/api/admin/connections/{connection_id}/check", "check_connection", P::CheckConnection),
    entry("GET", "/admin/policy/connections", "connections_page", P::ListPage(Connection)),
    entry("POST", "/admin/policy/connections", "create_connection_form", P::CreateForm(Connection)),
    entry("GET", "/admin/policy/connections/{connection_id}", "connection_page", P::ItemPage(Connection)),
    entry("POST", "/admin/policy/connections/{connection_id}", "edit_connection_form", P::EditForm(Connection)),
    entry("POST", "/admin/policy/connections/{connection_id}/check", "check_connection_form", P::CheckConnectionForm),

    entry("GET", "/api/admin/branding", "read_branding", P::ReadBranding),
    entry("PATCH", "/api/admin/branding", "edit_branding", P::EditBranding),
    entry("GET", "/admin/policy/branding", "branding_page", P::BrandingPage),
    entry("POST", "/admin/policy/branding", "branding_form", P::BrandingForm),
    entry("PUT", "/api/admin/branding/logo", "put_platform_logo", P::PutLogo),
    entry("POST", "/admin/policy/branding/logo", "platform_logo_form", P::LogoForm),
    entry("POST", "/admin/policy/branding/logo/remove", "remove_platform_logo_form", P::RemoveLogoForm),

    entry("GET", "/api/admin/roles", "list_roles", P::ListRoles),
    entry("POST", "/api/admin/roles", "grant_role", P::Appoint),
    entry("DELETE", "/api/admin/roles/{user_id}/{role}", "remove_role", P::RemoveRole),
    entry("GET", "/admin/policy/roles", "roles_page", P::RolesPage),
    entry("POST", "/admin/policy/roles", "roles_form", P::RolesForm),

    entry("POST", "/api/admin/apps", "create_operator_app", P::CreateApp),
    entry("GET", "/admin/apps/new", "new_operator_app_page", P::NewAppPage),
    entry("POST", "/admin/apps/new", "new_operator_app_form", P::NewAppForm),
    entry("GET", "/api/admin/apps/{client_id}/policy", "read_app_policy", P::ReadAppPolicy),
    entry("PATCH", "/api/admin/apps/{client_id}/policy", "edit_app_policy", P::EditAppPolicy),
    entry("GET", "/admin/apps/{client_id}/policy", "app_policy_page", P::AppPolicyPage),
    entry("POST", "/admin/apps/{client_id}/policy", "app_policy_form", P::AppPolicyForm),
];
