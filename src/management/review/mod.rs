//! Review: what is submitted, who decides it, and what becomes of the app.

pub mod case;
pub mod catalogue;
pub mod checklist;
pub mod comments;
pub mod decisions;
pub mod diff;
pub mod observations;
pub mod preview;
pub mod queue;
pub mod state;
pub mod steps;
pub mod submissions;
#[cfg(test)]
mod testing;
