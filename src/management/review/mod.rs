//! Review: what is submitted, who decides it, and what becomes of the app.

pub mod catalogue;
pub mod checklist;
pub mod diff;
pub mod state;
#[cfg(test)]
mod testing;
