//! Organizations: enterprises whose identity provider vouches for their people, so that an app gets tokens without a
//! consent page (Cross App Access), and whose administrators decide which apps it does that for.

pub mod trust;
