//! What stands for an app: its logo, or its first letter.

use std::fmt::{self, Display, Formatter};

use askama::filters::{Escaper, Html, HtmlSafe};

use super::DisplayName;
use crate::looks::LogoName;

/// An app's logo, or the first letter of its name in a tile. It says nothing that its name beside it does not say, so
/// screen readers leave it out.
pub struct Emblem {
    logo: Option<LogoName>,
    initial: String,
}

impl Emblem {
    /// The logo under this name in the directory; a name that is none counts as no logo.
    pub fn new(logo: Option<&str>, name: &DisplayName) -> Self {
        Self {
            logo: logo.and_then(LogoName::parse),
            initial: name.initial(),
        }
    }
}

impl Display for Emblem {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.logo {
            // A well-formed name holds nothing to escape.
            Some(logo) => write!(
                f,
                "<img class=\"logo\" src=\"{}\" alt=\"\" width=\"56\" height=\"56\">",
                logo.path()
            ),
            None => {
                f.write_str("<span class=\"logo\" aria-hidden=\"true\">")?;
                Html.write_escaped_str(&mut *f, &self.initial)?;
                f.write_str("</span>")
            }
        }
    }
}

impl HtmlSafe for Emblem {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::looks::logo::testing::name;

    #[test]
    fn a_logo_is_one_of_ours_or_a_letter() {
        let app = DisplayName::new("<&b>", "Unnamed");
        let shown = |logo: Option<&str>| Emblem::new(logo, &app).to_string();
        assert!(shown(Some(&name())).starts_with(&format!("<img class=\"logo\" src=\"/logos/{}\"", name())));
        for none in [
            None,
            Some(""),
            Some("https://evil.example/x.png"),
            Some("\" onerror=\"x"),
        ] {
            assert_eq!(
                shown(none),
                "<span class=\"logo\" aria-hidden=\"true\">B</span>",
                "{none:?}"
            );
        }
    }
}
