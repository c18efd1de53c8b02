//! Pages of the developer portal and the operator's console. They are in English: whoever reads them reads API
//! documentation too.

mod accounts;
mod form;
mod frame;

pub use accounts::DeveloperHomePage;
pub use form::FormState;
pub use frame::{Frame, Place};
