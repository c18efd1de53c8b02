//! Apps that register themselves: what of them is written into the directory, and when it is forgotten.

pub mod documents;
pub mod dynamic;
mod record;
pub mod unused;

/// The developer account of apps that nobody has taken up.
pub const UNCLAIMED: &str = "dev_unclaimed";
