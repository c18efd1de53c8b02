//! Reads `locales/*.json` and checks that all of them say the same things. Shared by `build.rs`, which makes code of
//! them, and by the tests.

use std::collections::BTreeMap;
use std::path::Path;
use std::{fmt, fs, io};

use serde::de::{Deserializer, MapAccess, Visitor};

/// The language every other one is compared with, and the one that is spoken when no other is asked for.
const MODEL: &str = "en";

/// One file: its name without `.json`, and what is in it.
pub type File = (String, String);

/// The texts of one language, by key.
pub struct Texts {
    /// The language tag (BCP 47), which is the file's name.
    pub tag: String,
    /// The texts.
    pub texts: BTreeMap<String, String>,
}

/// Reads every `.json` file of a folder, in the order of their names.
pub fn read(folder: &Path) -> io::Result<Vec<File>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            let tag = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            files.push((tag, fs::read_to_string(&path)?));
        }
    }
    files.sort();
    Ok(files)
}

/// The languages, English first; or all mistakes, each with its file and key.
pub fn check(files: &[File]) -> Result<Vec<Texts>, Vec<String>> {
    let mut mistakes = Vec::new();
    let mut languages = Vec::new();
    for (tag, json) in files {
        match texts(json) {
            Ok(texts) => languages.push(Texts {
                tag: tag.clone(),
                texts,
            }),
            Err(error) => mistakes.push(format!("locales/{tag}.json: {error}")),
        }
    }
    languages.sort_by_key(|language| language.tag != MODEL);
    let Some(model) = languages.first().filter(|language| language.tag == MODEL) else {
        mistakes.push(format!("locales/{MODEL}.json: not there, or not readable"));
        return Err(mistakes);
    };
    for language in &languages {
        compare(model, language, &mut mistakes);
    }
    if mistakes.is_empty() {
        Ok(languages)
    } else {
        Err(mistakes)
    }
}

fn compare(model: &Texts, language: &Texts, mistakes: &mut Vec<String>) {
    let mut mistake = |key: &str, what: String| {
        mistakes.push(format!("locales/{}.json: \"{key}\" {what}", language.tag));
    };
    for (key, english) in &model.texts {
        let Some(text) = language.texts.get(key) else {
            mistake(key, "is missing".to_owned());
            continue;
        };
        let (expected, found) = (sorted(placeholders(english)), sorted(placeholders(text)));
        if text.trim().is_empty() || text.trim() != text {
            mistake(key, "is empty, or begins or ends with a blank".to_owned());
        }
        if text.chars().any(char::is_control) {
            mistake(key, "holds a control character".to_owned());
        }
        if expected != found {
            mistake(key, format!("has the placeholders {found:?}; in English {expected:?}"));
        }
        if leftover_braces(text) {
            mistake(key, "has a brace that belongs to no placeholder".to_owned());
        }
        if key == "language.direction" && !matches!(text.as_str(), "ltr" | "rtl") {
            mistake(key, "must be ltr or rtl".to_owned());
        }
        if !is_key(key) {
            mistake(key, "must be words of a-z, 0-9 and _, joined by dots".to_owned());
        }
    }
    for key in language.texts.keys().filter(|key| !model.texts.contains_key(*key)) {
        mistake(key, "is not in English".to_owned());
    }
}

fn is_key(key: &str) -> bool {
    let is_word = |word: &str| {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        !word.is_empty() && word.bytes().all(fits)
    };
    key.starts_with(|letter: char| letter.is_ascii_lowercase()) && key.split('.').all(is_word)
}

/// The placeholders of a text, in the order they come in, each once.
pub fn placeholders(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for piece in text.split('{').skip(1) {
        if let Some((name, _)) = piece.split_once('}')
            && is_key(name)
            && !names.contains(&name)
        {
            names.push(name);
        }
    }
    names
}

fn sorted(mut names: Vec<&str>) -> Vec<&str> {
    names.sort_unstable();
    names
}

fn leftover_braces(text: &str) -> bool {
    let mut text = text.to_owned();
    for name in placeholders(&text.clone()) {
        text = text.replace(&format!("{{{name}}}"), "");
    }
    text.contains(['{', '}'])
}

/// The name of a key in Rust.
pub fn identifier(key: &str) -> String {
    key.replace('.', "_")
}

/// Reads one file. A key that is there twice is a mistake, which a map would not notice.
fn texts(json: &str) -> Result<BTreeMap<String, String>, String> {
    struct Unique;
    impl<'de> Visitor<'de> for Unique {
        type Value = BTreeMap<String, String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("keys with texts")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut texts = BTreeMap::new();
            while let Some((key, text)) = map.next_entry::<String, String>()? {
                if texts.contains_key(&key) {
                    return Err(serde::de::Error::custom(format!("\"{key}\" is there twice")));
                }
                texts.insert(key, text);
            }
            Ok(texts)
        }
    }
    let mut reader = serde_json::Deserializer::from_str(json);
    let texts = reader.deserialize_map(Unique).map_err(|error| error.to_string())?;
    reader.end().map_err(|error| error.to_string())?;
    Ok(texts)
}
