//! Names of apps and developers.

/// The longest name that is shown, in letters.
const MAX_LENGTH: usize = 80;
/// The longest description that is given, in letters.
const MAX_DESCRIPTION: usize = 1000;
/// The most marks over and under one letter: Hebrew and Vietnamese need that many. More of them cover other lines.
const MAX_MARKS: usize = 3;

/// A name somebody else chose, made safe to look at: no control characters, nothing that turns the direction
/// of the text, hides or towers, at most 80 letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisplayName(String);

impl DisplayName {
    /// Cleans a name. One that has nothing to read becomes `unnamed`.
    pub fn new(name: &str, unnamed: &str) -> Self {
        Self(readable(name, MAX_LENGTH).unwrap_or_else(|| unnamed.to_owned()))
    }

    /// Its first letter, to stand for a logo.
    pub fn initial(&self) -> String {
        self.0
            .chars()
            .find(|letter| letter.is_alphanumeric())
            .map(|letter| letter.to_uppercase().collect())
            .unwrap_or_default()
    }

    /// Whether a word of it mixes alphabets whose letters look alike: `Pаypal` with a Cyrillic `а`. Names of one
    /// alphabet are not told apart from each other.
    pub fn mixes_alphabets(&self) -> bool {
        self.0.split_whitespace().any(|word| {
            let mut alphabets = word.chars().filter_map(Alphabet::of);
            let first = alphabets.next();
            alphabets.any(|alphabet| Some(alphabet) != first)
        })
    }
}

impl std::fmt::Display for DisplayName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What an app says of itself, in one line and made safe to look at, at most 1000 letters.
pub fn readable_description(text: &str) -> String {
    readable(text, MAX_DESCRIPTION).unwrap_or_default()
}

/// A text somebody else chose, in one line and made safe to look at, at most `limit` letters. `None`: nothing is left to
/// read.
pub fn readable(text: &str, limit: usize) -> Option<String> {
    // Nothing has to stand on: a mark at the beginning would sit on what is before the name.
    let mut marks = MAX_MARKS;
    let visible: String = text
        .chars()
        .filter(|letter| !is_deceptive(*letter))
        .filter(|letter| {
            marks = match (is_mark(*letter), letter.is_whitespace()) {
                (true, _) => marks + 1,
                (false, true) => MAX_MARKS,
                (false, false) => 0,
            };
            marks <= MAX_MARKS
        })
        .collect();
    let mut words = visible.split_whitespace().collect::<Vec<_>>().join(" ");
    if words.chars().count() > limit {
        words = words.chars().take(limit - 1).chain(['…']).collect();
    }
    // Blanks come in more shapes than anyone can list; a name has something to read.
    words.chars().any(char::is_alphanumeric).then_some(words)
}

fn is_deceptive(letter: char) -> bool {
    let directional =
        matches!(letter, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{206f}');
    let invisible = matches!(letter, '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffc}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}');
    // Every font draws its own picture there, a platform's logo perhaps.
    let private = matches!(letter, '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..);
    let control = letter.is_control() && !letter.is_whitespace();
    control || directional || invisible || private
}

/// Whether a letter is written over or under the one before it, and stacks.
fn is_mark(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5bd}' | '\u{5bf}' | '\u{5c1}' | '\u{5c2}' | '\u{5c4}' | '\u{5c5}' | '\u{5c7}' | '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{6d6}'..='\u{6dc}' | '\u{6df}'..='\u{6e4}' | '\u{6e7}' | '\u{6e8}' | '\u{6ea}'..='\u{6ed}' | '\u{711}' | '\u{730}'..='\u{74a}' | '\u{7eb}'..='\u{7f3}' | '\u{8d3}'..='\u{8e1}' | '\u{8e3}'..='\u{902}' | '\u{951}'..='\u{957}' | '\u{e31}' | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}' | '\u{eb1}' | '\u{eb4}'..='\u{ebc}' | '\u{ec8}'..='\u{ece}' | '\u{f18}' | '\u{f19}' | '\u{f71}'..='\u{f7e}' | '\u{f80}'..='\u{f87}' | '\u{f8d}'..='\u{fbc}' | '\u{1ab0}'..='\u{1aff}' | '\u{1cd0}'..='\u{1ce8}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}' | '\u{2de0}'..='\u{2dff}' | '\u{302a}'..='\u{302f}' | '\u{3099}' | '\u{309a}' | '\u{a66f}'..='\u{a67d}' | '\u{a69e}' | '\u{a69f}' | '\u{a8e0}'..='\u{a8f1}' | '\u{fb1e}' | '\u{fe20}'..='\u{fe2f}' | '\u{1d165}'..='\u{1d1ad}')
}

/// Alphabets with letters that look alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Alphabet {
    Latin,
    Greek,
    Cyrillic,
    Armenian,
    Cherokee,
}

impl Alphabet {
    fn of(letter: char) -> Option<Self> {
        match letter {
            'a'..='z' | 'A'..='Z' | '\u{c0}'..='\u{d6}' | '\u{d8}'..='\u{f6}' | '\u{f8}'..='\u{24f}' => {
                Some(Self::Latin)
            }
            '\u{250}'..='\u{2af}' | '\u{1d00}'..='\u{1d25}' | '\u{1e00}'..='\u{1eff}' => Some(Self::Latin),
            '\u{ff21}'..='\u{ff3a}' | '\u{ff41}'..='\u{ff5a}' => Some(Self::Latin),
            '\u{370}'..='\u{3ff}' | '\u{1f00}'..='\u{1fff}' => Some(Self::Greek),
            '\u{400}'..='\u{52f}' | '\u{1c80}'..='\u{1c8f}' | '\u{a640}'..='\u{a69d}' => Some(Self::Cyrillic),
            '\u{531}'..='\u{588}' => Some(Self::Armenian),
            '\u{13a0}'..='\u{13fd}' | '\u{ab70}'..='\u{abbf}' => Some(Self::Cherokee),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(name: &str) -> String {
        DisplayName::new(name, "Unnamed").to_string()
    }

    // Rule: UI 8
    #[test]
    fn a_name_is_shortened_and_never_empty() {
        assert_eq!(shown(&"x".repeat(10_000)).chars().count(), MAX_LENGTH);
        for nothing in [
            "",
            "   ",
            "\u{200b}\u{202e}",
            "\u{3164}",
            "\u{2800}\u{2800}",
            "\u{e000}",
            "\u{301}",
        ] {
            assert_eq!(shown(nothing), "Unnamed");
        }
        assert_eq!(shown(" two \n words "), "two words");
    }

    // Rule: UI 8
    #[test]
    fn a_name_has_no_towers_of_marks() {
        let tower = "\u{301}\u{302}\u{489}\u{1dc3}\u{fe20}";
        assert_eq!(shown(&format!("a{}b", tower.repeat(50))), "a\u{301}\u{302}\u{489}b");
        assert_eq!(shown(&format!("{tower}a")), "a");
        assert_eq!(shown(&format!("a {tower}b")), "a b");
        for name in ["Tiê\u{301}ng Việt", "שָׁלוֹם", "مُحَمَّد", "น้ำ", "हिन्दी", "e\u{301}"]
        {
            assert_eq!(shown(name), name);
        }
    }

    // Rule: UI 8
    #[test]
    fn a_name_holds_nothing_that_cannot_be_seen_or_that_each_font_draws_its_own_way() {
        for hidden in [
            "\u{202e}",
            "\u{2066}",
            "\u{206a}",
            "\u{61c}",
            "\u{0}",
            "\u{1b}",
            "\u{7f}",
            "\u{85}",
            "\u{200d}",
            "\u{fe0f}",
            "\u{e0041}",
            "\u{e0100}",
            "\u{e000}",
            "\u{f8ff}",
            "\u{f0000}",
            "\u{10ffff}",
            "\u{fffc}",
            "\u{17b4}",
        ] {
            let name = shown(&format!("Ac{hidden}me"));
            assert!(name == "Acme" || name == "Ac me", "{hidden:?} {name}");
        }
    }

    // Rule: UI 8
    #[test]
    fn a_word_of_several_alphabets_is_noticed() {
        let mixes = |name| DisplayName::new(name, "Unnamed").mixes_alphabets();
        for name in [
            "P\u{430}ypal",
            "Acme \u{410}cme",
            "\u{39f}utlook",
            "m\u{456}crosoft",
            "\u{13da}ole",
            "\u{585}pera",
        ] {
            assert!(mixes(name), "{name}");
        }
        for name in [
            "Acme",
            "Яндекс",
            "Яндекс Mail",
            "Ελλάδα 24",
            "Žluťoučký",
            "日本 App",
            "محمد App",
            "5µm",
            "Straße",
        ] {
            assert!(!mixes(name), "{name}");
        }
    }
}
