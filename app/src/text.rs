//! Small shared vocabulary: instants, tones, and enums that have one word each.

use serde::{Deserialize, Serialize};

/// An instant: milliseconds since 1970-01-01 UTC.
pub type Millis = i64;

/// The colour family of a word; always shown with an icon and the word itself, never alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Tone {
    /// Nothing to look at.
    Neutral,
    /// Under way.
    Active,
    /// As it should be.
    Good,
    /// Waits for somebody or something.
    Waiting,
    /// Failed or refused.
    Bad,
}

/// How old a number is and whether it can still be believed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freshness {
    /// When the source was last read completely; `None` before the first time.
    pub as_of: Option<Millis>,
    /// Three rounds or more were missed.
    pub stale: bool,
    /// Why it cannot be read now, in plain words.
    pub problem: Option<String>,
}

/// Declares an enum stored, sent and shown by one word each: `Variant = "stored-key", "Shown word", Tone`.
#[macro_export]
macro_rules! worded {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $key:literal, $word:literal, $tone:ident;)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $key)] $variant,)+ }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The word stored in the database and sent over the wire.
            pub const fn as_str(self) -> &'static str { match self { $(Self::$variant => $key,)+ } }

            /// The word shown to people.
            pub const fn word(self) -> &'static str { match self { $(Self::$variant => $word,)+ } }

            /// The colour family it is shown in.
            pub const fn tone(self) -> $crate::text::Tone { match self { $(Self::$variant => $crate::text::Tone::$tone,)+ } }
        }

        // Read as any text is: what serde derives for an enum is several times as long, in every bundle.
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($key => Ok(Self::$variant),)+
                    other => Err(format!("`{other}` is not a {}", stringify!($name))),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(self.as_str()) }
        }
    };
}
