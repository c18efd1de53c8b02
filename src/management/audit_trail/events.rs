//! Every event of the audit trail. `docs/audit.md` has the same table, and a test compares them.

/// A kind of entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Its name, as entries have it: the thing and what was done with it.
    pub name: &'static str,
    /// What happened.
    pub what: &'static str,
}

const fn kind(name: &'static str, what: &'static str) -> Kind {
    Kind { name, what }
}

/// All of them, by name.
pub const ALL: &[Kind] = &[
    kind("api.changed", "An API was changed"),
    kind("api.created", "An API was entered in the catalogue"),
    kind("api.deleted", "An API was removed from the catalogue"),
    kind("api.routes_changed", "The route rules of an API were changed"),
    kind("api_credential.created", "An API got a credential to introspect with"),
    kind("api_credential.deleted", "A credential of an API was deleted"),
    kind("app.approved", "A reviewer approved a submission"),
    kind("app.authentication_changed", "How an app proves who it is was changed"),
    kind("app.claimed", "A developer claimed an app that had registered itself"),
    kind("app.created", "An app was registered"),
    kind("app.deleted", "An app was deleted"),
    kind("app.document_accepted", "An app was taken in by its metadata document"),
    kind("app.document_changed", "The metadata document of an app changed"),
    kind("app.logo_uploaded", "A picture was uploaded to be the logo of an app"),
    kind(
        "app.policy_changed",
        "Lifetimes or the rate tier of an app were changed",
    ),
    kind(
        "app.registration_changed",
        "An app that registered itself changed its registration",
    ),
    kind("app.reinstated", "A suspended app was let in again"),
    kind("app.rejected", "A submission was rejected"),
    kind("app.revoked", "The operator took back all that users gave an app"),
    kind("app.settings_changed", "The settings of an app were edited"),
    kind("app.submission_withdrawn", "A submission was withdrawn"),
    kind("app.submitted", "An app was submitted for review"),
    kind("app.suspended", "An app was suspended"),
    kind(
        "client_grant.removed",
        "What apps may ask of an API was taken back to the default",
    ),
    kind("client_grant.set", "What apps may ask of an API was set"),
    kind("client_secret.created", "An app got a client secret"),
    kind("client_secret.rotated", "The first of two client secrets was deleted"),
    kind(
        "client_secret.rotation_cancelled",
        "The second of two client secrets was deleted",
    ),
    kind("client_secret.rotation_started", "An app got a second client secret"),
    kind(
        "code.reused",
        "A code was redeemed a second time; the tokens of the first are dead",
    ),
    kind("connection.changed", "A way to sign in was changed"),
    kind("connection.created", "A way to sign in was added"),
    kind("connection.deleted", "A way to sign in was removed"),
    kind("consent.ended", "A consent ended, and all tokens under it"),
    kind("consent.expiring", "A consent will end because nobody uses it"),
    kind("consent.granted", "A user connected an app, or allowed it more"),
    kind(
        "developer.changed",
        "A developer account was renamed, or its contact changed",
    ),
    kind("developer.created", "A developer account was made"),
    kind(
        "developer.invitation_withdrawn",
        "An invitation into a developer account was withdrawn",
    ),
    kind("developer.member_added", "A user joined a developer account"),
    kind(
        "developer.member_invited",
        "Somebody was invited into a developer account",
    ),
    kind("developer.member_left", "A user left a developer account"),
    kind(
        "developer.member_removed",
        "A user was removed from a developer account",
    ),
    kind("developer.owner_changed", "A developer account was handed over"),
    kind(
        "developer.revoked",
        "The operator took back all that users gave the apps of a developer account",
    ),
    kind(
        "family.displaced",
        "One install too many: the tokens that were not used for longest made room",
    ),
    kind("family.revoked", "An app revoked its tokens"),
    kind(
        "ledger.rolled_back",
        "A token was newer than storage knows: storage was rolled back",
    ),
    kind(
        "organization.app_allowed",
        "An organization allowed an app for everyone in it",
    ),
    kind(
        "organization.app_blocked",
        "An organization blocked an app for its people, and all tokens that it had of them died",
    ),
    kind("organization.changed", "An organization was renamed"),
    kind("organization.created", "An organization was made"),
    kind(
        "organization.issuer_changed",
        "How far an organization trusts an issuer was changed",
    ),
    kind("organization.issuer_trusted", "An organization came to trust an issuer"),
    kind(
        "organization.member_joined",
        "An issuer vouched for somebody, who became a member of the organization",
    ),
    kind("organization.member_removed", "A member of an organization was removed"),
    kind(
        "organization.member_set",
        "A user became a member or an administrator of an organization",
    ),
    kind(
        "organization.person_linked",
        "A subject of a trusted issuer was linked to a user",
    ),
    kind(
        "organization.person_unlinked",
        "A subject of a trusted issuer names nobody any more",
    ),
    kind("organization.reinstated", "A suspended organization may act again"),
    kind(
        "organization.suspended",
        "An organization was suspended, and all tokens of its apps died",
    ),
    kind("rate_tier.changed", "A rate tier was changed"),
    kind("rate_tier.created", "A rate tier was made"),
    kind("rate_tier.deleted", "A rate tier was deleted"),
    kind(
        "refresh_token.reused",
        "An old refresh token came back; its successors are dead",
    ),
    kind("role.granted", "A user may now do more in the console"),
    kind("role.removed", "A user may do less in the console"),
    kind("scope.changed", "A scope was changed"),
    kind("scope.created", "A scope was entered in the catalogue"),
    kind("scope.deleted", "A scope was removed from the catalogue"),
    kind("session.ended", "A user signed out"),
    kind("session.started", "A user signed in"),
    kind(
        "settings.changed",
        "The platform's looks or another setting were changed",
    ),
    kind(
        "sign_in.refused",
        "A user was suspended and could not sign in, or a connection brought an answer that is not believed; once an hour",
    ),
    kind("tester.added", "A user may try out an app before its review"),
    kind("tester.removed", "A user may not try out an app any more"),
    kind("user.erased", "All that tells who a user is was erased"),
    kind("user.reinstated", "A suspended user may sign in again"),
    kind("user.revoked", "The operator took back all that a user gave apps"),
    kind("user.suspended", "A user was locked out, and all their tokens died"),
    kind("webhook.created", "A webhook endpoint was added"),
    kind("webhook.deleted", "A webhook endpoint was deleted"),
    kind(
        "webhook.disabled",
        "A webhook endpoint was switched off, because it is gone or failed for five days",
    ),
    kind("webhook.replayed", "A notice was sent to a webhook endpoint again"),
    kind("webhook.secret_rotated", "A webhook endpoint got a new signing secret"),
    kind("webhook.tested", "A test was sent to a webhook endpoint"),
    kind("webhook.updated", "A webhook endpoint was changed"),
];

/// What happened; the name itself of an event from another version.
pub fn what(name: &str) -> &str {
    let known = ALL.iter().find(|kind| kind.name == name);
    known.map_or(name, |kind| kind.what)
}

/// The names that begin so.
pub fn beginning_with(prefix: &str) -> Vec<&'static str> {
    let fitting = ALL.iter().map(|kind| kind.name).filter(|name| name.starts_with(prefix));
    fitting.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = include_str!("../../../docs/audit.md");

    // Covers: R74
    #[test]
    fn the_document_has_the_same_table() {
        let rows = DOCUMENT
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
        let written: Vec<(&str, &str)> = rows
            .filter_map(|(name, what)| Some((name, what.strip_suffix(" |")?)))
            .collect();
        let known: Vec<(&str, &str)> = ALL.iter().map(|kind| (kind.name, kind.what)).collect();
        assert_eq!(written, known);
    }

    #[test]
    fn each_event_stands_once_and_in_order() {
        assert!(ALL.is_sorted_by(|one, next| one.name < next.name));
    }

    #[test]
    fn what_the_ledgers_note_is_in_the_table() {
        use crate::ledger::event::EventKind;
        for kind in [
            EventKind::RefreshTokenReused,
            EventKind::CodeReused,
            EventKind::RolledBack,
            EventKind::FamilyDisplaced,
            EventKind::FamilyRevoked,
            EventKind::ConsentEnded,
        ] {
            let name = serde_json::to_value(kind).unwrap();
            assert_ne!(what(name.as_str().unwrap()), name, "{kind:?}");
        }
    }
}
