//! What the operator and the developers may choose of how pages look: a colour and logos.

pub mod accent;
pub mod colour;
pub mod logo;
pub mod picture;

pub use accent::Accent;
pub use logo::LogoName;

/// The platform's name, colour and logo.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looks {
    /// The platform's name as people know it; shown on pages.
    pub platform_name: String,
    /// The colour of links and buttons.
    pub accent: Accent,
    /// The platform's logo, shown beside its name.
    pub logo: Option<LogoName>,
}
