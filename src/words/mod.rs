//! Everything people read, in their language. The texts are in `locales/`; how they are written and used is said in
//! `locales/README.md`.

mod date;
#[cfg(test)]
mod files;
mod language;
mod phrase;
mod text;

pub use language::Language;
pub use phrase::{Phrase, Translations};
pub use text::{Filled, Value, code, strong};

include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));

#[cfg(test)]
mod tests;
