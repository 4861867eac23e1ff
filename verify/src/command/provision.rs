//! `verify provision`: installs what the lab needs.

use crate::exit::{self, Failure};
use crate::github;

/// Installs every program that a reference system needs.
///
/// # Errors
/// When the package manager cannot do it.
pub fn provision() -> Result<u8, Failure> {
    for need in lab::Need::all() {
        if need.is_installed() {
            eprintln!("verify: {} is there", need.program);
        } else {
            eprintln!("verify: installing {}", need.program);
            let said = |line: &str| eprintln!("{}", github::printable(&format!("  {line}")));
            lab::provision([need], said).map_err(Failure::environment)?;
        }
    }
    Ok(exit::HELD)
}
