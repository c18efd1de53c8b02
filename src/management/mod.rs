//! What developers, reviewers and administrators do: who may do what, what they send, and what becomes of it. Each change
//! is one transaction with its entry in the audit trail.

pub mod accounts;
pub mod actor;
pub mod apps;
pub mod audit;
pub mod audit_trail;
pub mod credentials;
pub mod cursor;
pub mod daily;
pub mod input;
pub mod logos;
pub mod notices;
pub mod organizations;
pub mod people;
pub mod policy;
pub mod problem;
pub mod review;
pub mod session_events;
pub mod testers;
pub mod usage;
pub mod window;
