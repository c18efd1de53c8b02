//! Pages of the developer portal and the operator's console. They are in English: whoever reads them reads API
//! documentation too.

mod accounts;
mod app_frame;
mod apps;
mod audit_trail;
mod credentials;
mod field;
mod figure;
mod form;
mod frame;
mod help;
mod notices;
mod organizations;
mod people;
pub mod policy;
mod reviews;
mod shown;
mod usage;

pub use accounts::{AccountPage, DeveloperHomePage, InvitationPage};
pub use app_frame::{AppFrame, AppTab, status_in_words};
pub use apps::{
    AppClaimPage, AppCreatedPage, AppDeletePage, AppNewPage, AppPermissionsPage, AppSettingsPage, UriRow, UriRows,
};
pub use audit_trail::AuditPage;
pub use credentials::{CredentialsPage, Done, Served, TestingPage};
pub use field::hidden;
pub use figure::Figure;
pub use form::{FormState, Forms};
pub use frame::{Frame, Place};
pub use help::{HelpPage, QuickStartPage};
pub use notices::{NoticesPage, WebhookPage, WebhooksPage};
pub use organizations::{OrganizationPage, OrganizationsPage};
pub use people::{AdminAppPage, AdminAppsPage, AdminDeveloperPage, AdminDevelopersPage, NextPage, UserPage, UsersPage};
pub use reviews::{AppReviewPage, DocumentPreviewPage, Past, QueuePage, QueueRow, ReviewPage, Said, moment};
pub use shown::{minute, minute_or_never, named};
pub use usage::{AdminUsagePage, AppLog, ErrorLogPage, UsageOverviewPage, UsagePage};
