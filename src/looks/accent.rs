//! The platform's colour, kept readable: whatever the operator chooses, links and buttons can be read in light and in
//! dark. A colour that cannot be is darkened or lightened until it can.

use super::colour::Colour;

/// What normal text needs on its ground (WCAG 2.2, 1.4.3).
const READABLE: f64 = 4.5;

/// The platform's colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accent(Colour);

/// A set of colours that belong together.
struct Theme {
    /// Cards.
    surface: Colour,
    /// What they lie on.
    ground: Colour,
    /// Text on buttons of the accent colour.
    on_accent: Colour,
    /// Changes a colour by so many 255ths, until it can be read: the last is black or white.
    change: fn(Colour, u8) -> Colour,
    /// How much of the accent tints the ground of a letter that stands for a logo, in 255ths.
    tint: u8,
}

/// As in style.css.
const LIGHT: Theme = Theme {
    surface: Colour::WHITE,
    ground: Colour::new(0xf3, 0xf4, 0xf7),
    on_accent: Colour::WHITE,
    change: |colour, share| colour.mixed_with(Colour::BLACK, share),
    tint: 24,
};

/// As in style.css.
const DARK: Theme = Theme {
    surface: Colour::new(0x1a, 0x1f, 0x28),
    ground: Colour::new(0x11, 0x14, 0x1a),
    on_accent: Colour::new(0x0c, 0x0f, 0x14),
    change: Colour::lightened,
    tint: 40,
};

/// The accent in one theme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shades {
    /// Links, and the ground of buttons.
    accent: Colour,
    /// The same under the pointer.
    hover: Colour,
    /// Text on both.
    on_accent: Colour,
    /// A tinted ground for text in `accent`.
    ground: Colour,
}

impl Default for Accent {
    fn default() -> Self {
        Self(Colour::new(0x22, 0x57, 0xc4))
    }
}

impl Accent {
    /// Reads `#rrggbb`.
    pub fn parse(text: &str) -> Option<Self> {
        Colour::parse(text).map(Self)
    }

    /// The colour as it was chosen.
    pub fn colour(self) -> Colour {
        self.0
    }

    /// The variables of the style sheet.
    pub fn css(self) -> String {
        let (light, dark) = (self.shades(&LIGHT).css(), self.shades(&DARK).css());
        format!(":root {{ {light} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n")
    }

    fn shades(self, theme: &Theme) -> Shades {
        let shades = |share| {
            let accent = (theme.change)(self.0, share);
            Shades {
                accent,
                hover: (theme.change)(accent, 45),
                on_accent: theme.on_accent,
                ground: theme.surface.mixed_with(accent, theme.tint),
            }
        };
        let mut shares = (0..=u8::MAX).step_by(3);
        shares
            .find(|share| shades(*share).are_readable(theme))
            .map_or_else(|| shades(u8::MAX), shades)
    }
}

impl Shades {
    fn are_readable(&self, theme: &Theme) -> bool {
        [self.accent, self.hover].into_iter().all(|accent| {
            let grounds = [theme.surface, theme.ground, self.ground, self.on_accent];
            grounds.into_iter().all(|ground| accent.contrast(ground) >= READABLE)
        })
    }

    fn css(&self) -> String {
        let Self {
            accent,
            hover,
            on_accent,
            ground,
        } = self;
        format!("--accent: {accent}; --accent-hover: {hover}; --on-accent: {on_accent}; --accent-ground: {ground};")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::pages::STYLE;

    fn assert_readable(accent: Accent) {
        for theme in [&LIGHT, &DARK] {
            assert!(accent.shades(theme).are_readable(theme), "{accent:?}");
        }
    }

    proptest! {
        #[test]
        fn links_and_buttons_can_be_read_in_every_colour(parts in any::<[u8; 3]>()) {
            assert_readable(Accent(Colour { parts }));
        }
    }

    #[test]
    fn also_in_the_colours_at_the_edges() {
        for parts in (0..8).map(|bits| [0, 1, 2].map(|bit| if bits >> bit & 1 == 1 { 255 } else { 0 })) {
            assert_readable(Accent(Colour { parts }));
        }
    }

    #[test]
    fn a_colour_that_can_be_read_is_left_as_it_is() {
        let accent = Accent::default();
        assert_eq!(accent.shades(&LIGHT).accent, accent.0);
        let pale = Accent::parse("#9ec5ff").unwrap();
        assert_eq!(pale.shades(&DARK).accent, pale.0);
        assert_ne!(pale.shades(&LIGHT).accent, pale.0);
    }

    #[test]
    fn a_colour_keeps_its_hue_when_it_is_darkened() {
        let [red, green, blue] = Accent::parse("#ffcc00").unwrap().shades(&LIGHT).accent.parts;
        assert!(red > green && green > blue && blue == 0, "{red} {green} {blue}");
    }

    #[test]
    fn the_grounds_are_those_of_the_style_sheet() {
        for theme in [LIGHT, DARK] {
            let grounds = format!("--ground: {}; --surface: {};", theme.ground, theme.surface);
            assert!(STYLE.contains(&grounds), "{grounds}");
        }
    }
}
