//! The guard's faces: who asks whether a call to an API may go on, and how they are told.
//!
//! `check` is what they have in common.

pub mod check;
mod counted;
pub mod gateway;
mod limits;
mod told;
pub mod verify;
