//! Review: what is submitted, who decides it, and what becomes of the app.

pub mod state;
