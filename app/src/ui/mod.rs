//! The kit that pages are made of. Small, without state of their own where they can be.

mod act;
mod badge;
mod header;
mod image;
mod notes;
mod page;
mod query;
mod still;
mod table;
mod theme;
mod time;

pub use act::{Act, ActForm, ActionButton, ActionNote, Field, ReasonForm};
pub use badge::{Badge, Progress, Worded, badge};
pub use header::Header;
pub use image::{Digest, ImageName, short_digest};
pub use notes::{EmptyState, ErrorNote, FreshnessNote, Loading, loaded, loaded_page};
pub use page::{PageHead, Section, Tabs, keyed, line_class, part};
pub use query::{Query, encode, use_query};
pub use still::{still, still_page};
pub use table::{DataTable, Pagination};
pub use theme::Theme;
pub use time::{Ago, Time, clock_text, date_text, duration_text, keep_times, utc_text};
