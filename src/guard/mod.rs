//! The check of a call to an API: may this token do this, here and now?
//!
//! Pure. What a call shows ([`call`]), what its route asks for ([`rules`]) and what was taken back meanwhile
//! ([`crate::feed`]) come together in one decision ([`judge`]); [`refusal`] is how a refusal is told. The faces of the
//! guard only fetch and forward.

pub mod apis;
pub mod call;
pub mod identity;
pub mod judge;
pub mod path;
pub mod refusal;
pub mod rules;
