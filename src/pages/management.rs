//! Pages of the developer portal and the operator's console. They are in English: whoever reads them reads API
//! documentation too.

mod accounts;
mod app_frame;
mod credentials;
mod figure;
mod form;
mod frame;
mod notices;
mod usage;

pub use accounts::DeveloperHomePage;
pub use app_frame::{AppFrame, AppTab, status_in_words};
pub use credentials::{CredentialsPage, Done, Served, TestingPage};
pub use figure::Figure;
pub use form::FormState;
pub use frame::{Frame, Place};
pub use notices::{NoticesPage, WebhookPage, WebhooksPage};
pub use usage::{AdminUsagePage, ErrorLogPage, UsageOverviewPage, UsagePage};
mod audit_trail;
mod form;
mod frame;
mod people;
mod shown;

pub use accounts::DeveloperHomePage;
pub use app_frame::{AppFrame, AppTab, status_in_words};
pub use audit_trail::AuditPage;
pub use form::FormState;
pub use frame::{Frame, Place};
pub use people::{AdminAppPage, AdminAppsPage, AdminDeveloperPage, AdminDevelopersPage, NextPage, UserPage, UsersPage};
pub use shown::{minute, minute_or_never, named};
