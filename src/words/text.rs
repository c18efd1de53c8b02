//! Texts with values in them. A value is often somebody else's words: an app's name, say.

use std::fmt::{self, Display, Formatter, Write};

use askama::filters::{Escaper, Html, HtmlSafe};

/// What can take a placeholder's place: whatever can be shown.
pub trait Value {
    /// Writes it as it is.
    fn write(&self, target: &mut dyn Write) -> fmt::Result;

    /// The HTML element around it.
    fn element(&self) -> Option<&'static str> {
        None
    }
}

impl<T: Display> Value for T {
    fn write(&self, target: &mut dyn Write) -> fmt::Result {
        write!(target, "{self}")
    }
}

/// A value inside an HTML element.
pub struct Marked<'v> {
    element: &'static str,
    value: &'v dyn Value,
}

/// A value that stands out.
pub fn strong(value: &dyn Value) -> Marked<'_> {
    Marked {
        element: "strong",
        value,
    }
}

/// A value to copy letter by letter.
pub fn code(value: &dyn Value) -> Marked<'_> {
    Marked { element: "code", value }
}

impl Value for Marked<'_> {
    fn write(&self, target: &mut dyn Write) -> fmt::Result {
        self.value.write(target)
    }

    fn element(&self) -> Option<&'static str> {
        Some(self.element)
    }
}

/// A text with its values. Shown in a template it is HTML: text and values escaped, and each value kept apart from
/// the direction of the text around it. For attributes and titles there is [`Filled::plain`].
pub struct Filled<'v> {
    text: &'static str,
    values: Vec<(&'static str, &'v dyn Value)>,
}

/// A text is filled in one pass, so a value is never read as text: `{app}` in an app's name stays what it is.
enum Piece<'t, 'v> {
    Text(&'t str),
    Value(&'v dyn Value),
}

impl<'v> Filled<'v> {
    /// A text and a value for each of its placeholders.
    pub(super) fn new(text: &'static str, values: Vec<(&'static str, &'v dyn Value)>) -> Self {
        Self { text, values }
    }

    /// The text without markup, not escaped either: templates do that.
    pub fn plain(&self) -> String {
        let mut plain = String::new();
        // Writing to a string does not fail.
        let _ = self.pieces(|piece| match piece {
            Piece::Text(text) => plain.write_str(text),
            Piece::Value(value) => {
                let mut text = String::new();
                value.write(&mut text)?;
                if self.text.is_ascii() && text.is_ascii() {
                    // All of it runs in one direction, and some programs show the marks as boxes.
                    plain.write_str(&text)
                } else {
                    // FIRST STRONG ISOLATE, POP DIRECTIONAL ISOLATE: what <bdi> is in plain text.
                    write!(plain, "\u{2068}{text}\u{2069}")
                }
            }
        });
        plain
    }

    /// The text without any mark at all, for values of our own.
    pub(super) fn unmarked(&self) -> String {
        let mut text = String::new();
        let _ = self.pieces(|piece| match piece {
            Piece::Text(piece) => text.write_str(piece),
            Piece::Value(value) => value.write(&mut text),
        });
        text
    }

    fn pieces(&self, mut each: impl FnMut(Piece<'_, 'v>) -> fmt::Result) -> fmt::Result {
        let mut rest = self.text;
        while let Some((before, after)) = rest.split_once('{') {
            each(Piece::Text(before))?;
            let Some((name, behind)) = after.split_once('}') else {
                break;
            };
            if let Some((_, value)) = self.values.iter().find(|(known, _)| *known == name) {
                each(Piece::Value(*value))?;
            }
            rest = behind;
        }
        each(Piece::Text(rest))
    }
}

impl Display for Filled<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.pieces(|piece| match piece {
            Piece::Text(text) => Html.write_escaped_str(&mut *f, text),
            Piece::Value(value) => {
                let element = value.element();
                f.write_str("<bdi>")?;
                if let Some(element) = element {
                    write!(f, "<{element}>")?;
                }
                value.write(&mut Escaped(f))?;
                if let Some(element) = element {
                    write!(f, "</{element}>")?;
                }
                f.write_str("</bdi>")
            }
        })
    }
}

impl HtmlSafe for Filled<'_> {}

struct Escaped<'a, 'f>(&'a mut Formatter<'f>);

impl Write for Escaped<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        Html.write_escaped_str(&mut *self.0, text)
    }
}
