//! With what an app proves who it is: client secrets and their rotation, and public keys.

pub mod keys;
pub mod rotation;
pub mod secret;
