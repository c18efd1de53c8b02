//! Makes a typed catalogue of the texts in `locales/`: a language that lacks a key does not compile. And puts the OpenAPI
//! document together from the files in `openapi/`.

#[path = "src/words/files.rs"]
mod files;
mod openapi {
    #[path = "../src/openapi/assemble.rs"]
    pub mod assemble;
    #[path = "../src/openapi/reference.rs"]
    pub mod reference;
}

use std::error::Error;
use std::fmt::Write;
use std::path::Path;
use std::{env, fs};

use files::Texts;
use openapi::{assemble, reference};
use serde_json::Value;

fn main() -> Result<(), Box<dyn Error>> {
    catalogue()?;
    document()
}

fn document() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=openapi");
    println!("cargo::rerun-if-changed=src/openapi");
    let read = |name: &str| -> Result<Value, Box<dyn Error>> {
        let text = fs::read_to_string(Path::new("openapi").join(name).with_extension("yaml"))?;
        serde_saphyr::from_str(&text).map_err(|error| format!("openapi/{name}.yaml: {error}").into())
    };
    let mut main = read("main")?;
    let mut take = |name| main.as_object_mut().and_then(|members| members.remove(name));
    let (order, errors) = (take("files"), take("errors").unwrap_or_default());
    let order: Vec<String> = serde_json::from_value(order.unwrap_or_default())?;
    for entry in fs::read_dir("openapi")? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let is_piece = path.extension().is_some_and(|kind| kind == "yaml") && name != "main";
        if is_piece && !order.contains(&name) {
            println!("cargo::error=openapi/main.yaml does not name {name} among its files");
        }
    }
    let mut files = Vec::new();
    for name in order {
        let file = read(&name)?;
        files.push((name, file));
    }
    match assemble::assemble(main, &files) {
        Ok(document) => {
            let target = env::var("OUT_DIR")?;
            let target = Path::new(&target);
            fs::write(target.join("openapi.json"), serde_json::to_string(&document)?)?;
            fs::write(target.join("reference.rs"), reference::generate(&document, &errors))?;
        }
        Err(mistakes) => {
            for mistake in mistakes {
                println!("cargo::error=openapi: {mistake}");
            }
        }
    }
    Ok(())
}

fn catalogue() -> Result<(), Box<dyn Error>> {
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
