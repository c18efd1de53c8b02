//! Reading the audit trail: all of it for administrators, an app's part for its developers, a user's part for them.

pub mod entry;
pub mod events;
pub mod filter;
pub mod own;
mod query;
#[cfg(test)]
mod query_tests;

pub use query::{Order, forward, list};
