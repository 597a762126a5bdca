//! Reads JSON text as a type, by way of a tree. Derived `Deserialize` brings code for every form that a format may have;
//! only what the format here calls of it gets into the bundle. Ours writes structs as objects and never as arrays, so
//! half of that code is never called, while `serde_json`'s own reader would call it all, for each type once more.

use serde::de::value::{Error, MapAccessDeserializer, MapDeserializer, SeqDeserializer, StringDeserializer};
use serde::de::{DeserializeOwned, Deserializer, Error as _, IntoDeserializer, Unexpected, Visitor};
use serde_json::Value;

/// Reads a text.
///
/// # Errors
/// It is no JSON, or not of this type.
pub fn from_text<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
    let value: Value = serde_json::from_str(text).map_err(|_| Error::custom("no JSON"))?;
    T::deserialize(Tree(value))
}

struct Tree(Value);

impl IntoDeserializer<'_> for Tree {
    type Deserializer = Self;
    fn into_deserializer(self) -> Self {
        self
    }
}

impl Tree {
    fn is_not<T>(&self, wanted: &'static str) -> Result<T, Error> {
        let unexpected = match &self.0 {
            Value::Null => Unexpected::Unit,
            Value::Bool(value) => Unexpected::Bool(*value),
            Value::Number(_) => Unexpected::Other("a number"),
            Value::String(_) => Unexpected::Other("a text"),
            Value::Array(_) => Unexpected::Seq,
            Value::Object(_) => Unexpected::Map,
        };
        Err(Error::invalid_type(unexpected, &wanted))
    }

    fn number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let Value::Number(number) = &self.0 else {
            return self.is_not("a number");
        };
        match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => visitor.visit_i64(number),
            (None, Some(number)) => visitor.visit_u64(number),
            (None, None) => self.is_not("a whole number"),
        }
    }

    fn text<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::String(text) => visitor.visit_string(text),
            _ => self.is_not("a text"),
        }
    }

    fn array<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Array(values) => visitor.visit_seq(SeqDeserializer::new(values.into_iter().map(Tree))),
            _ => self.is_not("an array"),
        }
    }

    fn object<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Object(fields) => visitor.visit_map(MapDeserializer::new(
                fields.into_iter().map(|(name, value)| (name, Tree(value))),
            )),
            _ => self.is_not("an object"),
        }
    }
}

/// `name(arguments) => how` for each kind of thing that is read in the same way.
macro_rules! read {
    ($($name:ident($($argument:ty),*) => $how:ident;)*) => {
        $(fn $name<V: Visitor<'de>>(self, $(_: $argument,)* visitor: V) -> Result<V::Value, Error> {
            self.$how(visitor)
        })*
    };
}

impl<'de> Deserializer<'de> for Tree {
    type Error = Error;

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

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_unit(),
            _ => self.is_not("something whose type says what it is"),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Bool(value) => visitor.visit_bool(value),
            _ => self.is_not("true or false"),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.0 {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    /// A variant without content is a text, one with content an object of one field.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.0 {
            Value::String(variant) => visitor.visit_enum(StringDeserializer::new(variant)),
            Value::Object(fields) => visitor.visit_enum(MapAccessDeserializer::new(MapDeserializer::new(
                fields.into_iter().map(|(name, value)| (name, Tree(value))),
            ))),
            _ => self.is_not("a variant"),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
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
