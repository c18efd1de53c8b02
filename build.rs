//! Makes a typed catalogue of the texts in `locales/`: a language that lacks a key does not compile.

#[path = "src/words/files.rs"]
mod files;

use std::error::Error;
use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

use files::Texts;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=locales");
    println!("cargo::rerun-if-changed=src/words/files.rs");
    let files = files::read(Path::new("locales"))?;
    match files::check(&files) {
        Ok(languages) => {
            let target = Path::new(&env::var("OUT_DIR")?).join("catalogue.rs");
            fs::write(target, generate(&languages)?)?;
        }
        Err(mistakes) => {
            for mistake in mistakes {
                println!("cargo::error={mistake}");
            }
        }
    }
    Ok(())
}

/// The catalogue as Rust: a structure with a field for each key, and one of its kind for each language.
fn generate(languages: &[Texts]) -> Result<String, Box<dyn Error>> {
    let model = languages.first().ok_or("no language")?;
    let mut code = String::new();
    writeln!(
        code,
        "/// The texts of one language.\n#[derive(Debug)]\npub struct Catalogue {{"
    )?;
    writeln!(code, "    tag: &'static str,")?;
    for (key, text) in &model.texts {
        let (name, filled) = (files::identifier(key), !files::placeholders(text).is_empty());
        let visible = if filled { "" } else { "pub " };
        writeln!(code, "    /// {text}\n    {visible}{name}: &'static str,")?;
    }
    writeln!(code, "}}\n\nimpl Catalogue {{")?;
    for (key, text) in &model.texts {
        let (name, placeholders) = (files::identifier(key), files::placeholders(text));
        if placeholders.is_empty() {
            continue;
        }
        let parameters: Vec<String> = placeholders
            .iter()
            .map(|name| format!("{name}: &'v dyn Value"))
            .collect();
        let values: Vec<String> = placeholders.iter().map(|name| format!("({name:?}, {name})")).collect();
        writeln!(code, "    /// {text}")?;
        writeln!(
            code,
            "    pub fn {name}<'v>(&self, {}) -> Filled<'v> {{",
            parameters.join(", ")
        )?;
        writeln!(
            code,
            "        Filled::new(self.{name}, vec![{}])\n    }}",
            values.join(", ")
        )?;
    }
    writeln!(code, "}}\n\nstatic CATALOGUES: [Catalogue; {}] = [", languages.len())?;
    for language in languages {
        writeln!(code, "    Catalogue {{\n        tag: {:?},", language.tag)?;
        for (key, text) in &language.texts {
            writeln!(code, "        {}: {text:?},", files::identifier(key))?;
        }
        writeln!(code, "    }},")?;
    }
    writeln!(code, "];")?;
    Ok(code)
}
