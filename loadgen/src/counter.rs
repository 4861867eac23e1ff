//! Waiting for a descriptor that counts, such as a timer's or an event's: it
//! can be read when its count is not zero, and reading takes the count.

use std::io;
use std::os::fd::OwnedFd;

use tokio::io::unix::AsyncFd;

/// A descriptor that counts, which must not block.
#[derive(Debug)]
pub(crate) struct Counter(AsyncFd<OwnedFd>);

impl Counter {
    /// A counter of the present runtime.
    pub(crate) fn new(descriptor: OwnedFd) -> io::Result<Self> {
        // SAFETY: an `OwnedFd` always gives the same descriptor, which stays
        // open for as long as it lives, and it is never replaced in here.
        #[expect(unsafe_code, reason = "the runtime has no other way to wait for a descriptor")]
        let registered = unsafe { AsyncFd::register(descriptor) };
        Ok(Self(registered?))
    }

    pub(crate) fn descriptor(&self) -> &OwnedFd {
        self.0.get_ref()
    }

    /// Waits until the count is not zero, and takes it.
    pub(crate) async fn wait(&self) -> io::Result<()> {
        loop {
            let mut ready = self.0.readable().await?;
            let read = |fd: &AsyncFd<OwnedFd>| Ok(rustix::io::read(fd.get_ref(), &mut [0; 8])?);
            if let Ok(count) = ready.try_io(read) {
                return count.map(drop);
            }
        }
    }
}
