//! What tests share: databases of both kinds, a clock that is driven, people to act as.

pub mod line;
pub mod store;
