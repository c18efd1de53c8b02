//! The directory in D1.

mod apps;
mod connected_apps;
mod connections;
mod consents;
mod guarding;
mod session_list;
mod sessions;
mod statements;

pub(super) use statements::{Statement, batch, note_due, rows};
