//! How people prove who they are. Pure: what to ask an identity provider, and whether its answer is believed.

pub mod attempt;
pub mod auth_time;
pub mod connection;
pub mod exchange;
pub mod hand_off;
pub mod id_token;
pub mod identity;
pub mod known;
pub mod provider;
pub mod refusal;
