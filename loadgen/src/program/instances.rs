//! Several instances that share one run: what each leaves in a folder of its own, and
//! how that is put together again.

pub(crate) mod clock;
mod folder;
mod lane;
pub(crate) mod record;
mod settings;
mod shown;
pub(crate) mod whole;

pub(crate) use folder::{Folder, can_be_merged};
