//! Colours, and how well one can be read on another.

use std::fmt::{self, Display, Formatter};

/// A colour of sRGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour {
    /// Red, green and blue.
    pub parts: [u8; 3],
}

impl Colour {
    /// The darkest.
    pub const BLACK: Self = Self::new(0, 0, 0);
    /// The lightest.
    pub const WHITE: Self = Self::new(255, 255, 255);

    /// A colour by its parts.
    pub const fn new(red: u8, green: u8, blue: u8) -> Self {
        Self {
            parts: [red, green, blue],
        }
    }

    /// Reads `#2257c4`.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6)?;
        // `from_str_radix` would take a sign.
        if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let [_, red, green, blue] = u32::from_str_radix(digits, 16).ok()?.to_be_bytes();
        Some(Self::new(red, green, blue))
    }

    /// This colour with so many 255ths of another in it.
    pub fn mixed_with(self, other: Self, share: u8) -> Self {
        let mix = |from: u8, to: u8| {
            let (from, to, share) = (u32::from(from), u32::from(to), u32::from(share));
            ((from * (255 - share) + to * share + 127) / 255) as u8
        };
        let ([r, g, b], [red, green, blue]) = (self.parts, other.parts);
        Self::new(mix(r, red), mix(g, green), mix(b, blue))
    }

    /// This colour with so many 255ths of the way to white behind it. The first half of the way it only shines more,
    /// because white in a colour dulls it.
    pub fn lightened(self, share: u8) -> Self {
        /// So that what is almost black does not end up in a hue nobody sees in it.
        const MOST: f64 = 2.5;
        let brightest = self.parts.into_iter().max().unwrap_or_default().max(1);
        let most = (255.0 / f64::from(brightest)).min(MOST);
        let factor = 1.0 + (most - 1.0) * (f64::from(share) / 127.0).min(1.0);
        let parts = self.parts.map(|part| (f64::from(part) * factor).round() as u8);
        Self { parts }.mixed_with(Self::WHITE, share.saturating_sub(127).saturating_mul(2))
    }

    /// How well one colour can be read on another, from 1 to 21 (WCAG 2.2, contrast ratio).
    pub fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance() + 0.05, other.luminance() + 0.05);
        if one > two { one / two } else { two / one }
    }

    /// WCAG 2.2, relative luminance.
    fn luminance(self) -> f64 {
        let [red, green, blue] = self.parts.map(linear);
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
}

impl Display for Colour {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.parts;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

fn linear(part: u8) -> f64 {
    let value = f64::from(part) / 255.0;
    if value <= 0.04045 {
        value / 12.92
    } else {
        to_the_power_of_2_4((value + 0.055) / 1.055)
    }
}

/// x^2.4 = x² · ⁵√(x²), the root by Newton's method: the general power would bring kilobytes along.
fn to_the_power_of_2_4(x: f64) -> f64 {
    let square = x * x;
    let mut root = 1.0;
    for _ in 0..24 {
        root -= (root - square / (root * root * root * root)) / 5.0;
    }
    square * root
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_is_six_digits_behind_a_hash() {
        assert_eq!(Colour::parse("#2257C4"), Some(Colour::new(0x22, 0x57, 0xc4)));
        for bad in [
            "", "#", "2257c4", "#2257c", "#2257c44", "#+257c4", "#22 7c4", "#22é7c", "red",
        ] {
            assert_eq!(Colour::parse(bad), None, "{bad}");
        }
        assert_eq!(Colour::new(1, 2, 255).to_string(), "#0102ff");
    }

    #[test]
    fn a_colour_ends_up_white_and_shines_before_it_pales() {
        let teal = Colour::new(0x0f, 0x76, 0x6e);
        assert_eq!((teal.lightened(0), teal.lightened(255)), (teal, Colour::WHITE));
        let [red, green, blue] = teal.lightened(127).parts;
        assert!(green == 255 && blue > 230 && red < 40, "{red} {green} {blue}");
        assert_eq!(Colour::BLACK.lightened(127), Colour::BLACK);
        assert_eq!(Colour::BLACK.lightened(255), Colour::WHITE);
    }

    #[test]
    fn contrast_is_what_wcag_computes() {
        for part in 0..=255 {
            let value = f64::from(part) / 255.0;
            let exact = if value <= 0.04045 {
                value / 12.92
            } else {
                ((value + 0.055) / 1.055_f64).powf(2.4)
            };
            assert!((linear(part) - exact).abs() < 1e-12, "{part}");
        }
        assert!((Colour::BLACK.contrast(Colour::WHITE) - 21.0).abs() < 1e-9);
        assert!((Colour::WHITE.contrast(Colour::new(0x76, 0x76, 0x76)) - 4.54).abs() < 0.005);
    }
}
