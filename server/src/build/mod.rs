//! CI runs: merged from what forges tell, judged by what the mirror holds, shown on `/builds`.

pub mod count;
pub mod merge;
mod port;
pub mod store;

pub use port::Builds;
