//! A sleep to some hundredths of a millisecond; that of the runtime is rounded up to
//! whole ones, which would hide what the versions differ by.

use std::io;
use std::time::Duration;

/// Sleeps for so long, on a thread of its own.
pub(crate) async fn sleep(span: Duration) -> io::Result<()> {
    #[expect(clippy::disallowed_methods, reason = "this wait is what a request takes")]
    let wait = move || std::thread::sleep(span);
    Ok(tokio::task::spawn_blocking(wait).await?)
}
