//! Webhooks, of a developer account and of the operator, and the notices of a developer account.

use super::{Area, Entry};

/// Whose webhooks. A developer account's id comes first in their paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// A developer account's.
    Developer,
    /// The operator's.
    Operator,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notices {
    /// The page of all webhooks.
    ListPage,
    /// The form there that makes one.
    CreateForm,
    /// The page of one webhook, with its deliveries.
    WebhookPage,
    /// The forms there.
    WebhookForm,
    /// The page of a developer account's notices.
    TrailPage,
    /// All webhooks.
    List,
    /// Making one.
    Create,
    /// One of them.
    Show,
    /// Changing it.
    Change,
    /// Deleting it.
    Delete,
    /// A new signing secret.
    RotateSecret,
    /// Sending a test.
    Test,
    /// Its deliveries.
    Deliveries,
    /// One of them.
    Delivery,
    /// Sending one again.
    Replay,
    /// A developer account's notices.
    Trail,
}

const fn developer(method: &'static str, path: &'static str, name: &'static str, route: Notices) -> Entry {
    Entry {
        method,
        path,
        name,
        area: Area::Notices(Whose::Developer, route),
    }
}

const fn operator(method: &'static str, path: &'static str, name: &'static str, route: Notices) -> Entry {
    Entry {
        method,
        path,
        name,
        area: Area::Notices(Whose::Operator, route),
    }
}

macro_rules! page {
    ($more:literal) => {
        concat!("/developers/accounts/{developer_id}", $more)
    };
}
macro_rules! api {
    ($more:literal) => {
        concat!("/api/developer/accounts/{developer_id}", $more)
    };
}
macro_rules! admin_api {
    ($more:literal) => {
        concat!("/api/admin/webhooks", $more)
    };
}

/// Their routes.
#[rustfmt::skip]
pub const TABLE: &[Entry] = &[
    developer("GET", page!("/webhooks"), "developer_webhooks_page", Notices::ListPage),
    developer("POST", page!("/webhooks"), "create_developer_webhook_form", Notices::CreateForm),
    developer("GET", page!("/webhooks/{webhook_id}"), "developer_webhook_page", Notices::WebhookPage),
    developer("POST", page!("/webhooks/{webhook_id}"), "developer_webhook_form", Notices::WebhookForm),
    developer("GET", page!("/notices"), "developer_notices_page", Notices::TrailPage),
    developer("GET", api!("/webhooks"), "list_webhooks", Notices::List),
    developer("POST", api!("/webhooks"), "create_webhook", Notices::Create),
    developer("GET", api!("/webhooks/{webhook_id}"), "get_webhook", Notices::Show),
    developer("PATCH", api!("/webhooks/{webhook_id}"), "update_webhook", Notices::Change),
    developer("DELETE", api!("/webhooks/{webhook_id}"), "delete_webhook", Notices::Delete),
    developer("POST", api!("/webhooks/{webhook_id}/secret"), "rotate_webhook_secret", Notices::RotateSecret),
    developer("POST", api!("/webhooks/{webhook_id}/test"), "test_webhook", Notices::Test),
    developer("GET", api!("/webhooks/{webhook_id}/deliveries"), "list_webhook_deliveries", Notices::Deliveries),
    developer("GET", api!("/webhooks/{webhook_id}/deliveries/{delivery_id}"), "get_webhook_delivery", Notices::Delivery),
    developer("POST", api!("/webhooks/{webhook_id}/deliveries/{delivery_id}/replay"), "replay_webhook_delivery", Notices::Replay),
    developer("GET", api!("/notices"), "list_notices", Notices::Trail),
    operator("GET", "/admin/webhooks", "operator_webhooks_page", Notices::ListPage),
    operator("POST", "/admin/webhooks", "create_operator_webhook_form", Notices::CreateForm),
    operator("GET", "/admin/webhooks/{webhook_id}", "operator_webhook_page", Notices::WebhookPage),
    operator("POST", "/admin/webhooks/{webhook_id}", "operator_webhook_form", Notices::WebhookForm),
    operator("GET", admin_api!(""), "admin_list_webhooks", Notices::List),
    operator("POST", admin_api!(""), "admin_create_webhook", Notices::Create),
    operator("GET", admin_api!("/{webhook_id}"), "admin_get_webhook", Notices::Show),
    operator("PATCH", admin_api!("/{webhook_id}"), "admin_update_webhook", Notices::Change),
    operator("DELETE", admin_api!("/{webhook_id}"), "admin_delete_webhook", Notices::Delete),
    operator("POST", admin_api!("/{webhook_id}/secret"), "admin_rotate_webhook_secret", Notices::RotateSecret),
    operator("POST", admin_api!("/{webhook_id}/test"), "admin_test_webhook", Notices::Test),
    operator("GET", admin_api!("/{webhook_id}/deliveries"), "admin_list_webhook_deliveries", Notices::Deliveries),
    operator("GET", admin_api!("/{webhook_id}/deliveries/{delivery_id}"), "admin_get_webhook_delivery", Notices::Delivery),
    operator("POST", admin_api!("/{webhook_id}/deliveries/{delivery_id}/replay"), "admin_replay_webhook_delivery", Notices::Replay),
];
