//! Images: one content digest in a repository, with the commit it came from. Tags are labels, not identity.

mod store;

pub use store::{Image, image, images_of_commit, label};
