//! What the pages of `verify` and `loadgen` are made of, so that both look and read alike:
//! one skeleton, one style sheet, one script, one way to draw charts, one way to write text
//! of strangers.
//!
//! A page is one file that loads nothing and needs no script to be read. It is written piece
//! by piece into a `String` with [`put!`] and [`putln!`], which escape whatever they are
//! given but [`Markup`]; only text that stands in the source, or that was written with these,
//! becomes markup. Pure: values in, text out; nothing here knows of runs or records.

pub mod axis;
pub mod banner;
pub mod course;
pub mod document;
pub mod escape;
pub mod frame;
pub mod margin;
pub mod matrix;
pub mod spark;
pub mod standing;
pub mod table;
pub mod time;
pub mod words;

pub use escape::Markup;
pub use standing::Standing;
