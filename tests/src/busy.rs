//! A machine that has other things to do.

use std::process::{Child, Command, Stdio};

use anyhow::Result;

/// Programs that keep processors busy until this is dropped.
#[derive(Debug)]
pub struct Busy(Vec<Child>);

impl Busy {
    /// Starts so many of them.
    ///
    /// # Errors
    /// When one cannot be started.
    pub fn start(count: u32) -> Result<Self> {
        let mut busy = Self(Vec::new());
        for _ in 0..count {
            // It looks now and then whether it is still wanted, should we be killed.
            let line = format!(
                "while kill -0 {} 2>/dev/null; do i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; done",
                std::process::id()
            );
            let child = Command::new("sh").args(["-c", &line]).stdin(Stdio::null()).spawn()?;
            busy.0.push(child);
        }
        Ok(busy)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // One that has ended is what is wanted.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
