use std::fs;
use std::path::Path;

use super::files::{self, File};
use super::*;

const HOSTILE: &str = "<b onclick=\"x\">&'{platform}{app}\u{2069}";

fn file(tag: &str, json: &str) -> File {
    (tag.to_owned(), json.to_owned())
}

fn mistakes(english: &str, german: &str) -> Vec<String> {
    let complete = |json: &str| format!("{{{json}}}");
    files::check(&[file("en", &complete(english)), file("de", &complete(german))])
        .err()
        .unwrap_or_default()
}

#[test]
fn every_language_says_the_same_things() {
    let files = files::read(Path::new("locales")).unwrap();
    let tags: Vec<&str> = files.iter().map(|(tag, _)| tag.as_str()).collect();
    assert!(
        ["ar", "de", "en", "es", "ja"].iter().all(|tag| tags.contains(tag)),
        "{tags:?}"
    );
    assert_eq!(files::check(&files).err(), None);
}

#[test]
fn a_file_that_does_not_fit_is_named_with_its_key() {
    let english = r#""a.b": "To {app} and {platform}", "c": "x""#;
    for (german, mistake) in [
        (r#""a.b": "{platform} {app}""#, r#"locales/de.json: "c" is missing"#),
        (
            r#""a.b": "{platform} {app}", "c": "x", "d": "x""#,
            r#"locales/de.json: "d" is not in English"#,
        ),
        (
            r#""a.b": "{app}", "c": "x""#,
            r#"locales/de.json: "a.b" has the placeholders ["app"]; in English ["app", "platform"]"#,
        ),
        (
            r#""a.b": "{platform} {app}", "c": "{app}""#,
            r#"locales/de.json: "c" has the placeholders ["app"]; in English []"#,
        ),
        (
            r#""a.b": "{platform} {app} {", "c": "x""#,
            r#"locales/de.json: "a.b" has a brace that belongs to no placeholder"#,
        ),
        (
            r#""a.b": "{platform} {app}", "c": " ""#,
            r#"locales/de.json: "c" is empty, or begins or ends with a blank"#,
        ),
        (
            r#""a.b": "{platform} {app}", "c": "x\u0000y""#,
            r#"locales/de.json: "c" holds a control character"#,
        ),
    ] {
        assert_eq!(mistakes(english, german), [mistake], "{german}");
    }
    assert!(mistakes(english, r#""a.b": "x{platform} {app}{app}", "c": "x""#).is_empty());
}

#[test]
fn a_file_that_is_no_catalogue_is_refused() {
    for bad in [
        r#""a": "x", "a": "y""#,
        r#""a": 1"#,
        r#""a": "x"}, {"#,
        r#""a": {"b": "x"}"#,
    ] {
        let found = mistakes(r#""a": "x""#, bad);
        assert!(
            found.len() == 1 && found[0].starts_with("locales/de.json: "),
            "{found:?}"
        );
    }
    for bad in ["A", "a b", "a..b", "a.", "1", "a-b", ""] {
        let text = format!(r#""{bad}": "x""#);
        assert_eq!(mistakes(&text, &text).len(), 2, "{bad}");
    }
    assert!(files::check(&[file("de", "{}")]).is_err());
    let direction = r#""language.direction": "left""#;
    assert_eq!(mistakes(direction, direction).len(), 2);
}

/// Looks for the key's name in everything that may use it.
#[test]
fn every_text_is_used() {
    let mut sources = String::new();
    read_all(Path::new("src"), &mut sources);
    read_all(Path::new("templates"), &mut sources);
    let english = files::read(Path::new("locales")).unwrap();
    let english = files::check(&english).ok().unwrap().remove(0);
    let is_part_of_a_name = |letter: char| letter.is_alphanumeric() || letter == '_';
    let unused: Vec<&String> = english
        .texts
        .keys()
        .filter(|key| {
            let name = format!(".{}", files::identifier(key));
            !sources
                .match_indices(&name)
                .any(|(at, _)| !sources[at + name.len()..].starts_with(is_part_of_a_name))
        })
        .collect();
    assert!(unused.is_empty(), "in no template and nowhere in src: {unused:?}");
}

fn read_all(folder: &Path, into: &mut String) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, into);
        } else {
            into.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

// Rule: UI 8
#[test]
fn a_value_is_text_whatever_is_in_it() {
    let words = Language::ENGLISH.words();
    let html = words.consent_wants_access(&HOSTILE, &"Acme & Co").to_string();
    assert_eq!(
        html,
        "<bdi>&#60;b onclick=&#34;x&#34;&#62;&#38;&#39;{platform}{app}\u{2069}</bdi> wants to access your \
         <bdi>Acme &#38; Co</bdi> account"
    );
}

#[test]
fn a_value_may_stand_out_and_stays_apart_from_the_text_around_it() {
    let words = Language::ENGLISH.words();
    let html = words.app_by(&strong(&"<i>")).to_string();
    assert_eq!(html, "by <bdi><strong>&#60;i&#62;</strong></bdi>");
    let html = words.message_mention(&code(&"req_1")).to_string();
    assert!(html.contains("<bdi><code>req_1</code></bdi>"), "{html}");
}

#[test]
fn where_no_markup_can_be_the_value_is_set_apart_by_marks_unless_all_is_ascii() {
    let plain = |tag: &str, app: &str| {
        let language = Language::choose(tag, "");
        language.words().consent_title(&app).plain()
    };
    assert_eq!(plain("en", "A <b>"), "Authorize A <b>");
    assert_eq!(plain("en", "عربي"), "Authorize \u{2068}عربي\u{2069}");
    assert_eq!(plain("ar", "A"), "تفويض \u{2068}A\u{2069}");
}

#[test]
fn words_of_the_operator_are_marked_where_they_are_not_in_the_language_of_the_page() {
    let german = Language::choose("de", "");
    let shown = |language, translation| Phrase::new(language, translation, "See <all>").to_string();
    assert_eq!(shown(german, Some("Alles <sehen>")), "Alles &#60;sehen&#62;");
    assert_eq!(
        shown(german, None),
        "<span lang=\"en\" dir=\"ltr\">See &#60;all&#62;</span>"
    );
    assert_eq!(shown(german, Some(" ")), shown(german, None));
    assert_eq!(shown(Language::ENGLISH, None), "See &#60;all&#62;");
}
