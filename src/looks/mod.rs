//! What the operator and the developers may choose of how pages look: a colour and logos.

pub mod accent;
pub mod colour;
pub mod logo;
pub mod picture;

pub use accent::Accent;
pub use logo::LogoName;
