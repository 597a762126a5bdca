//! Images: one content digest in a repository, with the commit it came from. Tags are labels, not identity.

mod labels;
mod store;
mod tag;

pub use labels::Labels;
pub use store::{Image, image, images_of_commit, label, named};
pub use tag::{TagFacts, read_tag};
