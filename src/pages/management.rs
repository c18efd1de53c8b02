//! Pages of the developer portal and the operator's console. They are in English: whoever reads them reads API
//! documentation too.

mod accounts;
mod app_frame;
mod form;
mod frame;

pub use accounts::DeveloperHomePage;
pub use app_frame::{AppFrame, AppTab, status_in_words};
pub use form::FormState;
pub use frame::{Frame, Place};
