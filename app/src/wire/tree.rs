//! Reads JSON text as a type, by way of a tree and with an error that says nothing: whoever reads an answer only shows that
//! it could not be read. The texts of `serde`'s errors, and what writes numbers into them, were a tenth of the bundle.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer, StringDeserializer};
use serde::de::{DeserializeOwned, Deserializer, IntoDeserializer, Visitor};
use serde_json::Value;

/// Reads a text.
///
/// # Errors
/// It is no JSON, or not of this type.
pub fn from_text<T: DeserializeOwned>(text: &str) -> Result<T, Unreadable> {
    let value: Value = serde_json::from_str(text).map_err(|_| Unreadable)?;
    T::deserialize(Tree(value))
}

/// The text is no JSON, or not of the type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable;

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it could not be read")
    }
}

impl std::error::Error for Unreadable {}

impl serde::de::Error for Unreadable {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

struct Tree(Value);

impl IntoDeserializer<'_, Unreadable> for Tree {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}

impl Tree {
    fn number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        let Value::Number(number) = &self.0 else {
            return Err(Unreadable);
        };
        match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => visitor.visit_i64(number),
            (None, Some(number)) => visitor.visit_u64(number),
            (None, None) => Err(Unreadable),
        }
    }

    fn text<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        match self.0 {
            Value::String(text) => visitor.visit_string(text),
            _ => Err(Unreadable),
        }
    }

    fn array<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        match self.0 {
            Value::Array(values) => visitor.visit_seq(SeqDeserializer::new(values.into_iter().map(Tree))),
            _ => Err(Unreadable),
        }
    }

    fn object<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        match self.0 {
            Value::Object(fields) => visitor.visit_map(MapDeserializer::new(
                fields.into_iter().map(|(name, value)| (name, Tree(value))),
            )),
            _ => Err(Unreadable),
        }
    }
}

/// `name(arguments) => how` for each kind of thing that is read in the same way.
macro_rules! read {
    ($($name:ident($($argument:ty),*) => $how:ident;)*) => {
        $(fn $name<V: Visitor<'de>>(self, $(_: $argument,)* visitor: V) -> Result<V::Value, Unreadable> {
            self.$how(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Tree {
    type Error = Unreadable;

    read! {
        deserialize_i8() => number; deserialize_i16() => number; deserialize_i32() => number;
        deserialize_i64() => number; deserialize_u8() => number; deserialize_u16() => number;
        deserialize_u32() => number; deserialize_u64() => number; deserialize_f32() => number;
        deserialize_f64() => number;
        deserialize_char() => text; deserialize_str() => text; deserialize_string() => text;
        deserialize_identifier() => text;
        deserialize_bytes() => array; deserialize_byte_buf() => array; deserialize_seq() => array;
        deserialize_tuple(usize) => array; deserialize_tuple_struct(&'static str, usize) => array;
        deserialize_map() => object; deserialize_struct(&'static str, &'static [&'static str]) => object;
        deserialize_unit() => deserialize_any; deserialize_unit_struct(&'static str) => deserialize_any;
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            _ => Err(Unreadable),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        match self.0 {
            Value::Bool(value) => visitor.visit_bool(value),
            _ => Err(Unreadable),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        visitor.visit_newtype_struct(self)
    }

    /// A variant without content is a text, one with content an object of one field.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Unreadable> {
        match self.0 {
            Value::String(variant) => visitor.visit_enum(StringDeserializer::new(variant)),
            Value::Object(fields) => visitor.visit_enum(MapAccessDeserializer::new(MapDeserializer::new(
                fields.into_iter().map(|(name, value)| (name, Tree(value))),
            ))),
            _ => Err(Unreadable),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Unreadable> {
        visitor.visit_unit()
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    enum Way {
        Straight,
        Round(String),
        Through { places: Vec<(String, u32)> },
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Trip {
        id: String,
        way: Way,
        at: i64,
        number: Option<u64>,
        #[serde(default)]
        late: bool,
        cost: std::collections::BTreeMap<String, i32>,
        back: Option<Box<Trip>>,
    }

    #[test]
    fn it_reads_what_serde_json_reads() {
        for way in [
            r#""Straight""#,
            r#"{"Round":"the \u00e9 lake"}"#,
            r#"{"Through":{"places":[["a",1],["b",2]]}}"#,
        ] {
            let text = format!(
                r#"{{"id":"t","way":{way},"at":-5,"number":18446744073709551615,"cost":{{"x":1}},"more":[1,{{}}],
                    "back":{{"id":"","way":"Straight","at":0,"number":null,"late":true,"cost":{{}},"back":null}}}}"#
            );
            let read: Trip = from_text(&text).expect("reads");
            assert_eq!(read, serde_json::from_str(&text).expect("reads"));
        }
    }

    #[test]
    fn what_is_something_else_is_refused() {
        for text in [
            "",
            "[]",
            "{",
            r#"{"id":1}"#,
            r#"{"id":"t","way":"Back"}"#,
            r#"{"id":"t","at":1.5}"#,
        ] {
            assert!(from_text::<Trip>(text).is_err(), "{text}");
        }
        assert_eq!(from_text::<u8>("256").ok(), None);
        assert_eq!(from_text::<()>("null"), Ok(()));
    }
}
