//! How people prove who they are. Pure: what to ask an identity provider, and whether its answer is believed.

pub mod connection;
pub mod hand_off;
pub mod identity;
