//! Names of apps and developers.

/// A name somebody else chose, made safe to look at: no control characters, nothing that turns the direction
/// of the text or hides, at most 80 letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisplayName(String);

impl DisplayName {
    /// Cleans a name. One that has nothing to read becomes `unnamed`.
    pub fn new(name: &str, unnamed: &str) -> Self {
        let visible: String = name.chars().filter(|letter| !is_deceptive(*letter)).collect();
        let mut words = visible.split_whitespace().collect::<Vec<_>>().join(" ");
        if words.chars().count() > 80 {
            words = words.chars().take(79).chain(['…']).collect();
        }
        // Blanks come in more shapes than anyone can list; a name has something to read.
        let readable = words.chars().any(char::is_alphanumeric);
        Self(if readable { words } else { unnamed.to_owned() })
    }

    /// Its first letter, to stand for a logo.
    pub fn initial(&self) -> String {
        self.0
            .chars()
            .next()
            .map(|letter| letter.to_uppercase().collect())
            .unwrap_or_default()
    }
}

impl std::fmt::Display for DisplayName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_deceptive(letter: char) -> bool {
    let directional =
        matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let invisible = matches!(letter, '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2064}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    let control = letter.is_control() && !letter.is_whitespace();
    control || directional || invisible
}
