//! The variants of a system: an enum whose names are derived, each with its line
//! about what it does.

use strum::{EnumMessage, IntoEnumIterator};

/// A variant of a system: the correct one, or one with a planted bug.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VariantInfo {
    /// As `--variant` takes it.
    pub name: &'static str,
    /// What it does, in one line.
    pub about: &'static str,
}

/// Every variant, in the order of its enum: the correct one first.
pub(crate) fn all<V>() -> Vec<VariantInfo>
where
    V: IntoEnumIterator + EnumMessage + Into<&'static str>,
{
    let told = |variant: V| {
        let about = variant.get_message().unwrap_or_default();
        VariantInfo { name: variant.into(), about }
    };
    V::iter().map(told).collect()
}
