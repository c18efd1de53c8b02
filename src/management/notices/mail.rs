//! A notice as a mail, for a mail service or a small adapter in front of one.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::event::{Notice, Readers};
use super::payload::Entry;
use crate::pages::readable;

/// The most letters of a reason that go into a mail.
const MAX_TEXT: usize = 2000;
/// The most people a mail is for.
pub const MAX_READERS: usize = 50;

/// Somebody a mail is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reader {
    /// Their name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Their e-mail address.
    pub address: String,
}

/// Who could be written to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Readership {
    /// The contact address of the developer account.
    pub contact: Option<String>,
    /// Reviewers and administrators.
    pub reviewers: Vec<Reader>,
}

/// The body that is sent about an entry: `to`, `subject`, `text`, `event`, `id`. `None`: nobody is to be written to, or
/// nobody has an address.
pub fn body(entry: &Entry, readership: Readership, console: &str) -> Option<String> {
    let to = match entry.notice().map(Notice::readers) {
        Some(Some(Readers::Reviewers)) => readership.reviewers,
        Some(None) => return None,
        // A test goes where most mails go.
        Some(Some(Readers::Developer)) | None => contact(entry, readership),
    };
    let to: Vec<Reader> = to
        .into_iter()
        .filter(|reader| is_address(&reader.address))
        .map(|reader| Reader {
            name: reader.name.and_then(|name| readable(&name, 80)),
            ..reader
        })
        .take(MAX_READERS)
        .collect();
    if to.is_empty() {
        return None;
    }
    let (subject, text) = words(entry, console);
    let mail = json!({ "to": to, "subject": subject, "text": text, "event": entry.event, "id": entry.event_id });
    Some(mail.to_string())
}

fn contact(entry: &Entry, readership: Readership) -> Vec<Reader> {
    let name = entry.developer_name.clone();
    let contact = readership.contact.map(|address| Reader { name, address });
    contact.into_iter().collect()
}

fn words(entry: &Entry, console: &str) -> (String, String) {
    let clean = |name: &Option<String>, unnamed: &str| {
        let name = name.as_deref().and_then(|name| readable(name, 80));
        name.unwrap_or_else(|| unnamed.to_owned())
    };
    let app = clean(&entry.app_name, "an app");
    let developer = clean(&entry.developer_name, "a developer account");
    let said = |member| {
        entry
            .told(member)
            .as_ref()
            .and_then(Value::as_str)
            .and_then(|text| readable(text, MAX_TEXT))
    };
    let (subject, mut text) = match entry.notice() {
        Some(Notice::AppSubmitted) => (
            format!("{app} waits for review"),
            format!("{developer} submitted {app} for review."),
        ),
        Some(Notice::AppApproved) => (
            format!("{app} is approved"),
            format!("{app} was reviewed and approved. Every user can connect it now."),
        ),
        Some(Notice::AppRejected) => (
            format!("{app} is not approved"),
            format!("{app} was reviewed and not approved."),
        ),
        Some(Notice::AppSuspended) => (
            format!("{app} is suspended"),
            format!("{app} was suspended. None of its tokens works any more."),
        ),
        Some(Notice::AppReinstated) => (
            format!("{app} is reinstated"),
            format!("{app} may be used again. Its users have to connect it anew."),
        ),
        Some(Notice::AppDeleted) => (format!("{app} is deleted"), format!("{app} was deleted.")),
        Some(Notice::RefreshTokenReused) => (
            format!("A refresh token of {app} was used twice"),
            format!(
                "An old refresh token of {app} was used again, and the connection it belongs to was ended. Either the app \
                 keeps tokens badly, or somebody stole one."
            ),
        ),
        Some(Notice::RotationStarted) => (
            format!("{app} has a second client secret"),
            format!(
                "A second client secret was made for {app}. Both work until the rotation is completed or cancelled."
            ),
        ),
        Some(Notice::Rotated) => (
            format!("The old client secret of {app} is deleted"),
            format!("The rotation of {app}'s client secret was completed: the old secret works no more."),
        ),
        Some(Notice::RotationCancelled) => (
            format!("The new client secret of {app} is deleted"),
            format!("The rotation of {app}'s client secret was cancelled: the new secret works no more."),
        ),
        Some(Notice::MemberInvited) => (
            format!("Somebody was invited into {developer}"),
            format!("A link was made that lets somebody into {developer}."),
        ),
        Some(Notice::ConsentGranted | Notice::ConsentEnded | Notice::ConsentExpiring) | None => {
            ("This is a test".to_owned(), "Mails arrive.".to_owned())
        }
    };
    if let Some(reason) = said("reason") {
        text.push_str(&format!("\n\nReason: {reason}"));
    }
    text.push_str(&format!("\n\n{console}\n"));
    (subject, text)
}

/// Whether this is an address and nothing else: one @ between letters, no blanks, no lists, no line ends.
fn is_address(text: &str) -> bool {
    let fits = |letter: char| letter.is_ascii_graphic() && !"\"(),:;<>[\\]".contains(letter);
    let parts = text.split_once('@');
    text.len() <= 254
        && text.chars().all(fits)
        && parts.is_some_and(|(local, host)| !local.is_empty() && host.contains('.') && !host.contains('@'))
}

#[cfg(test)]
mod tests {
    use super::super::payload::testing::entry;
    use super::*;

    fn readership() -> Readership {
        Readership {
            contact: Some("team@partner.dev".into()),
            reviewers: vec![Reader {
                name: Some("Rita".into()),
                address: "rita@acme.dev".into(),
            }],
        }
    }

    fn mail(entry: &Entry) -> Option<Value> {
        body(entry, readership(), "https://auth.acme.dev").map(|body| serde_json::from_str(&body).unwrap())
    }

    // Covers: R29
    #[test]
    fn reviewers_hear_of_submissions_and_developers_of_everything_else() {
        for notice in Notice::ALL {
            let mail = mail(&entry(notice.name(), "{}"));
            let to = mail.as_ref().map(|mail| mail["to"][0]["address"].as_str().unwrap());
            let expected = notice.readers().map(|readers| match readers {
                Readers::Developer => "team@partner.dev",
                Readers::Reviewers => "rita@acme.dev",
            });
            assert_eq!(to, expected, "{notice:?}");
        }
    }

    #[test]
    fn a_mail_says_why_and_names_its_event() {
        let mail = mail(&entry("app.rejected", r#"{"reason":"No privacy policy"}"#)).unwrap();
        assert_eq!(mail["subject"], "Planner is not approved");
        assert!(mail["text"].as_str().unwrap().contains("Reason: No privacy policy"));
        assert_eq!((&mail["event"], &mail["id"]), (&json!("app.rejected"), &json!("evt_1")));
        assert_eq!(
            mail["to"],
            json!([{ "name": "Partner", "address": "team@partner.dev" }])
        );
    }

    #[test]
    fn names_cannot_add_lines_or_headers() {
        let mut hostile = entry("app.approved", "{}");
        hostile.app_name = Some("Planner\r\nBcc: everyone@acme.dev\u{202e}".into());
        hostile.developer_name = Some("\u{200b}\n".into());
        let mail = mail(&hostile).unwrap();
        assert_eq!(mail["subject"], "Planner Bcc: everyone@acme.dev is approved");
        assert_eq!(mail["to"], json!([{ "address": "team@partner.dev" }]));
    }

    #[test]
    fn nobody_is_written_to_at_what_is_no_address() {
        for bad in [
            "",
            "team",
            "team@",
            "@partner.dev",
            "team@partner",
            "a@b.dev, c@d.dev",
            "a@b@c.dev",
            "Team <team@partner.dev>",
            "team@partner.dev\r\nBcc: x@y.dev",
            "te am@partner.dev",
        ] {
            let readership = Readership {
                contact: Some(bad.into()),
                reviewers: vec![],
            };
            assert_eq!(body(&entry("app.approved", "{}"), readership, ""), None, "{bad}");
        }
        assert_eq!(body(&entry("app.submitted", "{}"), Readership::default(), ""), None);
    }
}
