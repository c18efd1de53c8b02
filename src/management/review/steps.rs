//! The life of an app in the directory: nothing else changes `apps.status`, nor how a submission ends.

use super::state::{Ending, Life, Step, SubmissionStep};
use crate::management::actor::Actor;
use crate::management::apps::AppRecord;
use crate::oauth::standing::AppStatus;
use crate::store::database::Statement;
use crate::time::Timestamp;

/// Writes what a step makes of an app and of the submission that waits. Its version rises, whatever else changes.
pub fn take(app: &AppRecord, step: Step, actor: &Actor, reason: Option<&str>, now: Timestamp) -> Vec<Statement> {
    let ending = match step.submission {
        SubmissionStep::Stays => None,
        SubmissionStep::Opens => Some(Ending::Withdrawn),
        SubmissionStep::Ends(ending) => Some(ending),
    };
    let pending = app.pending.as_ref().zip(ending);
    let ended = pending.map(|(pending, ending)| {
        Statement::new(
            "UPDATE submissions SET status = ?2, decided_by = ?3, decided_at = ?4, reason = ?5 WHERE id = ?1",
        )
        .text(pending)
        .text(ending.name())
        .text(actor.acts())
        .time(now)
        .optional_text(reason)
    });
    let status =
        Statement::new("UPDATE apps SET status = ?2, epoch = epoch + ?3, version = version + 1 WHERE client_id = ?1");
    let status = status
        .text(&app.client_id)
        .text(step.status.name())
        .number(step.ends_tokens);
    ended.into_iter().chain([status]).collect()
}

/// Takes all apps for which `apps` holds, an expression with `?1` in it, through [`Life::abandoned`].
pub fn abandon(apps: &str, value: &str, reason: &str, now: Timestamp) -> Vec<Statement> {
    let steps = AppStatus::ALL.map(|status| (status, Life::abandoned(status)));
    let ending = steps.into_iter().filter(|(_, step)| step.ends_tokens);
    let (mut event, mut after, mut before) = (String::new(), String::new(), Vec::new());
    for (status, step) in ending {
        let name = status.name();
        event.push_str(&format!(" WHEN '{name}' THEN '{}'", step.event.unwrap_or_default()));
        after.push_str(&format!(" WHEN '{name}' THEN '{}'", step.status.name()));
        before.push(format!("'{name}'"));
    }
    let those = format!("{apps} AND status IN ({})", before.join(", "));
    let about = |sql: String| Statement::new(sql).text(value).time(now);
    vec![
        about(format!(
            "INSERT INTO audit (id, at, event, actor_type, client_id, developer_id, target_type, target_id, detail)
             SELECT 'evt_erased_' || client_id || '_' || epoch, ?2, CASE status{event} END, 'system', client_id,
                    developer_id, 'app', client_id, json_object('reason', ?3)
             FROM apps WHERE {those}"
        ))
        .text(reason),
        about(format!(
            "UPDATE submissions SET status = '{}', decided_at = ?2
             WHERE status = 'pending' AND client_id IN (SELECT client_id FROM apps WHERE {apps})",
            Ending::Withdrawn.name()
        )),
        about(format!(
            "UPDATE apps SET status = CASE status{after} END, epoch = epoch + 1, revoked_before = ?2,
                             version = version + 1
             WHERE {those}"
        )),
        about(format!(
            "UPDATE apps SET suspended_at = ?2, suspension_reason = ?3
             WHERE {apps} AND status = 'suspended' AND suspended_at IS NULL"
        ))
        .text(reason),
    ]
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    /// The code of every file below a folder but that of tests, with its path.
    fn sources(folder: &Path, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.to_str().unwrap().to_owned();
            if name.contains("tests") {
                continue;
            }
            if path.is_dir() {
                sources(&path, found);
            } else {
                let text = fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
                found.push((name, code.to_owned()));
            }
        }
    }

    #[test]
    fn no_sql_elsewhere_writes_the_status_of_an_app() {
        let mut found = Vec::new();
        for folder in ["src", "migrations"] {
            sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut found);
        }
        let (mut changing, mut making) = (Vec::new(), Vec::new());
        for (name, code) in &found {
            let file = name.rsplit('/').next().unwrap();
            for change in code.split("UPDATE apps").skip(1) {
                if change.split("WHERE").next().unwrap().contains("status") {
                    changing.push(file);
                }
            }
            making.extend(code.split("INSERT INTO apps ").skip(1).map(|_| file));
        }
        assert_eq!(changing, ["steps.rs", "steps.rs"]);
        making.sort_unstable();
        assert_eq!(making, ["documents.rs", "dynamic.rs", "founding.rs"]);
    }
}
