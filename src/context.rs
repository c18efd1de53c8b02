//! What every endpoint is given.

use crate::config::Config;
use crate::log::Log;
use crate::random::Random;
use crate::time::Timestamp;

/// The surroundings of one request.
pub struct Context<'a, S> {
    /// What the operator configured.
    pub config: &'a Config,
    /// When the request came.
    pub now: Timestamp,
    /// Where randomness comes from.
    pub random: &'a dyn Random,
    /// The continent the request came from, as Cloudflare abbreviates it.
    pub continent: Option<&'a str>,
    /// What is written about the request.
    pub log: &'a Log,
    /// Storage.
    pub stores: &'a S,
}
