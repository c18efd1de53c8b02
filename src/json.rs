//! JSON into Latchkey's own types, by one path: text becomes a [`Value`], and only then a type. `serde_json` and
//! `serde_wasm_bindgen` compile a parser anew for every type they read, together a quarter of the Worker's code.

use serde::de::value::StringDeserializer;
use serde::de::{
    Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, MapAccess,
    SeqAccess, VariantAccess, Visitor,
};
use serde_json::{Error, Map, Number, Value};

/// Reads a type from text.
pub fn from_str<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    from_slice(text.as_bytes())
}

/// Reads a type from the bytes of a text.
pub fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    from_value(parse(bytes)?)
}

/// Reads a type from a value. Structs are objects and nothing else; members nobody asked for are ignored.
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, Error> {
    T::deserialize(Node(value))
}

/// Reads a type from each of several values. A loop: what iterators collect into a `Result` takes six functions per type.
pub fn from_values<T: DeserializeOwned>(values: Vec<Value>) -> Result<Vec<T>, Error> {
    let mut read = Vec::with_capacity(values.len());
    for value in values {
        read.push(from_value(value)?);
    }
    Ok(read)
}

/// Reads a value from the bytes of a text. An object that says something twice is refused: what others who read the same
/// text make of it is not known (RFC 8259 §4).
pub fn parse(bytes: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice(bytes).map(|Unambiguous(value)| value)
}

struct Unambiguous(Value);

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UnambiguousVisitor).map(Self)
    }
}

struct UnambiguousVisitor;

impl<'de> Visitor<'de> for UnambiguousVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Unambiguous(element)) = elements.next_element()? {
            list.push(element);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some((name, Unambiguous(value))) = members.next_entry::<String, _>()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a member is there twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

struct Node(Value);

impl Node {
    fn members(self) -> Result<Map<String, Value>, Error> {
        match self.0 {
            Value::Object(members) => Ok(members),
            other => Err(mismatch("an object", &other)),
        }
    }

    fn structure<'de, V: Visitor<'de>>(self, names: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        let mut fields = Fields {
            members: self.members()?,
            names,
            missing: None,
        };
        let read = visitor.visit_seq(&mut fields);
        read.map_err(|error| fields.missing.map_or(error, Error::missing_field))
    }

    fn array(self) -> Result<Elements, Error> {
        match self.0 {
            Value::Array(elements) => Ok(Elements(elements.into_iter())),
            other => Err(mismatch("an array", &other)),
        }
    }

    fn string(self) -> Result<String, Error> {
        match self.0 {
            Value::String(text) => Ok(text),
            other => Err(mismatch("a string", &other)),
        }
    }

    fn number(self) -> Result<Number, Error> {
        match self.0 {
            Value::Number(number) => Ok(number),
            other => Err(mismatch("a number", &other)),
        }
    }

    fn variant(self) -> Result<Variant, Error> {
        match self.0 {
            Value::String(name) => Ok(Variant { name, content: None }),
            Value::Object(members) if members.len() == 1 => {
                let (name, content) = members.into_iter().next().unwrap_or_default();
                Ok(Variant {
                    name,
                    content: Some(content),
                })
            }
            other => Err(mismatch("a variant", &other)),
        }
    }
}

/// Names no content: it may be secret.
fn mismatch(expected: &str, found: &Value) -> Error {
    let found = match found {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    };
    Error::custom(format_args!("expected {expected}, found {found}"))
}

fn visit_number<'de, V: Visitor<'de>>(number: &Number, visitor: V) -> Result<V::Value, Error> {
    match (number.as_u64(), number.as_i64()) {
        (Some(number), _) => visitor.visit_u64(number),
        (None, Some(number)) => visitor.visit_i64(number),
        (None, None) => visitor.visit_f64(number.as_f64().unwrap_or(f64::NAN)),
    }
}

macro_rules! numbers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visit_number(&self.number()?, visitor)
        }
    )*};
}

impl<'de> Deserializer<'de> for Node {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(value),
            Value::Number(number) => visit_number(&number, visitor),
            Value::String(text) => visitor.visit_string(text),
            Value::Array(elements) => visitor.visit_seq(Elements(elements.into_iter())),
            Value::Object(members) => visitor.visit_map(Members::of(members)),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Bool(value) => visitor.visit_bool(value),
            other => Err(mismatch("a boolean", &other)),
        }
    }

    numbers!(deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64);
    numbers!(deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_f32 deserialize_f64);

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_string(self.string()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_string(self.string()?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(self.array()?)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Error> {
        let elements = self.array()?;
        if elements.0.len() != length {
            return Err(Error::invalid_length(elements.0.len(), &visitor));
        }
        visitor.visit_seq(elements)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_tuple(length, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(Members::of(self.members()?))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.structure(names, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(self.variant()?)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! { char bytes byte_buf unit unit_struct identifier }
}

struct Elements(std::vec::IntoIter<Value>);

impl<'de> SeqAccess<'de> for Elements {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        self.0.next().map(|element| seed.deserialize(Node(element))).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

/// The members of a struct in the order of its fields: to tell fields by their place takes a third less code than to
/// tell them by name.
struct Fields {
    members: Map<String, Value>,
    names: &'static [&'static str],
    /// The field asked for last, if it was not there.
    missing: Option<&'static str>,
}

impl Fields {
    fn next(&mut self) -> Option<Value> {
        let (name, rest) = self.names.split_first()?;
        self.names = rest;
        let value = self.members.remove(*name);
        self.missing = value.is_none().then_some(*name);
        value
    }
}

impl<'de> SeqAccess<'de> for &mut Fields {
    type Error = Error;

    /// `None` for a field that is missing, so that its default is taken if it has one; an `Option` is its own.
    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        match self.next() {
            Some(value) => seed.deserialize(Node(value)).map(Some),
            None => Ok(seed.deserialize(Missing).ok()),
        }
    }
}

struct Missing;

impl<'de> Deserializer<'de> for Missing {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("missing"))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_none()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct seq
        tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct Members {
    rest: serde_json::map::IntoIter,
    value: Value,
}

impl Members {
    fn of(members: Map<String, Value>) -> Self {
        Self {
            rest: members.into_iter(),
            value: Value::Null,
        }
    }

    fn next(&mut self) -> Option<StringDeserializer<Error>> {
        let (name, value) = self.rest.next()?;
        self.value = value;
        Some(name.into_deserializer())
    }
}

impl<'de> MapAccess<'de> for Members {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        self.next().map(|name| seed.deserialize(name)).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(Node(self.value.take()))
    }
}

/// `"name"` or `{"name": content}`.
struct Variant {
    name: String,
    content: Option<Value>,
}

struct Content(Option<Value>);

impl Content {
    fn node(self) -> Result<Node, Error> {
        self.0
            .map(Node)
            .ok_or_else(|| Error::custom("the variant lacks its content"))
    }
}

impl<'de> EnumAccess<'de> for Variant {
    type Error = Error;
    type Variant = Content;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Content), Error> {
        let name: StringDeserializer<Error> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, Content(self.content)))
    }
}

impl<'de> VariantAccess<'de> for Content {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        match self.0 {
            None => Ok(()),
            Some(_) => Err(Error::custom("the variant has no content")),
        }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Error> {
        seed.deserialize(self.node()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, Error> {
        self.node()?.deserialize_tuple(length, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, names: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        self.node()?.structure(names, visitor)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use proptest::prelude::*;
    use serde::{Deserialize, Serialize};
    use serde_json::json;

    use super::*;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Shape {
        Unit,
        Newtype(Box<Everything>),
        Struct { inner: Option<i64> },
        Tuple(u8, String),
    }

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    #[serde(transparent)]
    struct Name(String);

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Everything {
        name: Name,
        count: u32,
        offset: i64,
        ratio: f64,
        yes: bool,
        shapes: Vec<Shape>,
        pairs: Vec<(String, u64)>,
        maybe: Option<Name>,
        #[serde(default)]
        defaulted: Option<u8>,
    }

    fn everything(leaf: bool) -> BoxedStrategy<Everything> {
        let shapes = if leaf {
            Just(Vec::new()).boxed()
        } else {
            proptest::collection::vec(shape(), 0..4).boxed()
        };
        let scalars = (
            ".*",
            any::<u32>(),
            any::<i64>(),
            any::<i32>().prop_map(|eighths| f64::from(eighths) / 8.0),
            any::<bool>(),
        );
        let rest = (
            shapes,
            proptest::collection::vec((".*", any::<u64>()), 0..3),
            proptest::option::of(".*"),
        );
        (scalars, rest, proptest::option::of(any::<u8>()))
            .prop_map(
                |((name, count, offset, ratio, yes), (shapes, pairs, maybe), defaulted)| Everything {
                    name: Name(name),
                    count,
                    offset,
                    ratio,
                    yes,
                    shapes,
                    pairs,
                    maybe: maybe.map(Name),
                    defaulted,
                },
            )
            .boxed()
    }

    fn shape() -> BoxedStrategy<Shape> {
        prop_oneof![
            Just(Shape::Unit),
            everything(true).prop_map(|inner| Shape::Newtype(Box::new(inner))),
            any::<Option<i64>>().prop_map(|inner| Shape::Struct { inner }),
            (any::<u8>(), ".*").prop_map(|(number, text)| Shape::Tuple(number, text)),
        ]
        .boxed()
    }

    #[test]
    fn what_is_said_twice_is_refused_however_deep_and_however_it_is_spelt() {
        for twice in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"b":2,"\u0061":3}"#,
            r#"[{"a":{"b":null,"b":[]}}]"#,
            r#"{"":1,"":2}"#,
        ] {
            assert!(parse(twice.as_bytes()).is_err(), "{twice}");
        }
        let once = r#"{"a":[1,-1,1.5,"x",true,null,{"a":{"A":{}}}],"b":18446744073709551615}"#;
        let value = parse(once.as_bytes()).unwrap();
        assert_eq!(value, serde_json::from_str::<Value>(once).unwrap());
        let deep = "[".repeat(1000) + &"]".repeat(1000);
        assert!(parse(deep.as_bytes()).is_err());
    }

    proptest! {
        #[test]
        fn what_serde_json_writes_is_read_back(value in everything(false)) {
            let text = serde_json::to_string(&value).unwrap();
            prop_assert_eq!(from_str::<Everything>(&text).unwrap(), value);
        }
    }

    #[test]
    fn members_nobody_asked_for_are_ignored_and_missing_ones_refused() {
        let whole = json!({ "inner": 7, "more": [{}] });
        assert_eq!(
            from_value::<Shape>(json!({ "struct": whole })).unwrap(),
            Shape::Struct { inner: Some(7) }
        );
        assert_eq!(
            from_value::<Shape>(json!({ "struct": {} })).unwrap(),
            Shape::Struct { inner: None }
        );
        let error = from_str::<Everything>("{}").unwrap_err().to_string();
        assert_eq!(error, "missing field `name`");
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct WithDefaults {
        #[serde(default)]
        list: Vec<u8>,
        maybe: Option<u8>,
        needed: u8,
    }

    #[test]
    fn a_missing_member_has_its_default_and_does_not_excuse_the_next() {
        let read = |value| from_value::<WithDefaults>(value).map_err(|error| error.to_string());
        let expected = WithDefaults {
            list: Vec::new(),
            maybe: None,
            needed: 1,
        };
        assert_eq!(read(json!({ "needed": 1 })), Ok(expected));
        assert_eq!(read(json!({ "list": [1] })), Err("missing field `needed`".into()));
        let error = read(json!({ "needed": "secret" })).unwrap_err();
        assert!(!error.contains("missing") && !error.contains("secret"), "{error}");
        for null in ["list", "needed"] {
            let mut members = json!({ "list": [], "needed": 1 });
            members[null] = Value::Null;
            assert!(read(members).is_err(), "{null}");
        }
    }

    #[test]
    fn a_value_of_another_kind_is_refused_without_showing_it() {
        fn refused<T: DeserializeOwned + Debug>(value: Value) {
            let error = from_value::<T>(value).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
        refused::<Name>(json!(["secret"]));
        refused::<Name>(Value::Null);
        refused::<bool>(json!("secret"));
        refused::<u32>(json!("secret"));
        refused::<u32>(json!(-1));
        refused::<u8>(json!(256));
        refused::<Vec<Name>>(json!({ "secret": 1 }));
        refused::<(String, u64)>(json!(["secret"]));
        refused::<Everything>(json!(["secret"]));
        for shape in [
            json!("tuple"),
            json!({ "unit": 1 }),
            json!({ "struct": [] }),
            json!({}),
            json!({ "unit": 1, "tuple": 2 }),
        ] {
            refused::<Shape>(shape);
        }
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for text in ["", "{", "nul", "{}{}", "\u{0}", &"[".repeat(1000)] {
            assert!(from_str::<Everything>(text).is_err(), "{text}");
        }
        assert!(from_slice::<Name>(b"\"\xff\"").is_err());
    }
}
