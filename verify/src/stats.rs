//! Statistics on plain numbers: robust, distribution-free where it can be, and
//! each with its source.

pub mod batches;
pub mod blocks;
pub mod median;
pub mod normal;
pub mod proportion;
pub mod share;
pub mod spread;
pub mod theil_sen;
pub mod wilcoxon;
