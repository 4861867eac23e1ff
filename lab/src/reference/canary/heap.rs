//! Memory that a process holds on to.

use std::sync::{Mutex, PoisonError};

/// How much is taken at once, in bytes.
const PIECE: usize = 64 << 10;

/// Pieces of memory that were written to, so that they are really there.
#[derive(Debug, Default)]
pub(crate) struct Heap(Mutex<Vec<Vec<u8>>>);

impl Heap {
    /// Holds at least so many bytes less a piece; where that is less than before,
    /// everything is freed first.
    pub(crate) fn hold(&self, bytes: usize) {
        let mut pieces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = bytes / PIECE;
        if wanted < pieces.len() {
            pieces.clear();
        }
        while pieces.len() < wanted {
            pieces.push(vec![1; PIECE]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_in_pieces_and_is_freed_as_a_whole() {
        let heap = Heap::default();
        for (bytes, pieces) in [(0, 0), (PIECE * 3 + 1, 3), (PIECE * 5, 5), (PIECE, 1), (0, 0)] {
            heap.hold(bytes);
            assert_eq!(heap.0.lock().unwrap().len(), pieces);
        }
    }
}
