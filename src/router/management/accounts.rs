//! Developer accounts, their members and invitations.

use super::{Area, Entry};

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accounts {
    /// The portal's first page.
    HomePage,
    /// What helps developers.
    HelpPage,
    /// The form there that makes a developer account.
    CreateForm,
    /// A developer account.
    Page,
    /// The form there that renames it.
    EditForm,
    /// The form there that invites somebody.
    InviteForm,
    /// The button that takes an invitation back.
    WithdrawForm,
    /// The button that takes a member out, or whoever presses it.
    RemoveForm,
    /// The button that makes a member the owner.
    HandOverForm,
    /// What an invitation leads to.
    OfferPage,
    /// The form there that accepts it.
    AcceptForm,
    /// The developer accounts of whoever asks.
    List,
    /// Making one.
    Create,
    /// One of them.
    Show,
    /// Renaming it.
    Edit,
    /// Inviting somebody.
    Invite,
    /// Taking an invitation back.
    Withdraw,
    /// Taking a member out, or whoever asks.
    Remove,
    /// Making a member the owner.
    HandOver,
    /// Accepting an invitation.
    Accept,
}

const fn entry(method: &'static str, path: &'static str, name: &'static str, route: Accounts) -> Entry {
    Entry {
        method,
        path,
        name,
        area: Area::Accounts(route),
    }
}

/// Their routes.
#[rustfmt::skip]
pub const TABLE: &[Entry] = &[
    entry("GET", "/developers", "developer_home_page", Accounts::HomePage),
    entry("GET", "/developers/help", "developer_help_page", Accounts::HelpPage),
    entry("POST", "/developers/accounts", "create_developer_account_form", Accounts::CreateForm),
    entry("GET", "/developers/accounts/{developer_id}", "developer_account_page", Accounts::Page),
    entry("POST", "/developers/accounts/{developer_id}", "update_developer_account_form", Accounts::EditForm),
    entry("POST", "/developers/accounts/{developer_id}/invitations", "invite_member_form", Accounts::InviteForm),
    entry("POST", "/developers/accounts/{developer_id}/invitations/{invitation_id}/withdraw", "withdraw_invitation_form", Accounts::WithdrawForm),
    entry("POST", "/developers/accounts/{developer_id}/members/{user_id}/remove", "remove_member_form", Accounts::RemoveForm),
    entry("POST", "/developers/accounts/{developer_id}/members/{user_id}/owner", "hand_over_account_form", Accounts::HandOverForm),
    entry("GET", "/developers/invitations/{token}", "invitation_page", Accounts::OfferPage),
    entry("POST", "/developers/invitations/{token}", "accept_invitation_form", Accounts::AcceptForm),
    entry("GET", "/api/developer/accounts", "list_developer_accounts", Accounts::List),
    entry("POST", "/api/developer/accounts", "create_developer_account", Accounts::Create),
    entry("GET", "/api/developer/accounts/{developer_id}", "get_developer_account", Accounts::Show),
    entry("PATCH", "/api/developer/accounts/{developer_id}", "update_developer_account", Accounts::Edit),
    entry("POST", "/api/developer/accounts/{developer_id}/invitations", "invite_member", Accounts::Invite),
    entry("DELETE", "/api/developer/accounts/{developer_id}/invitations/{invitation_id}", "withdraw_invitation", Accounts::Withdraw),
    entry("DELETE", "/api/developer/accounts/{developer_id}/members/{user_id}", "remove_member", Accounts::Remove),
    entry("PUT", "/api/developer/accounts/{developer_id}/owner", "hand_over_account", Accounts::HandOver),
    entry("POST", "/api/developer/invitations", "accept_invitation", Accounts::Accept),
];
