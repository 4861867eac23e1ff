//! System V shared memory, which outlives the processes that made it.

use std::fs;
use std::io;

/// A piece of shared memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// By which programs agree on it.
    pub key: i64,
    /// Its number, which is used again.
    pub id: u64,
    /// How many processes have it attached.
    pub attached: u64,
}

/// Every piece that there is (`/proc/sysvipc/shm`).
///
/// # Errors
/// When the kernel does not tell.
pub fn segments() -> io::Result<Vec<Segment>> {
    Ok(parse(&fs::read_to_string("/proc/sysvipc/shm")?))
}

/// By hand: `procfs-core` reads user ids of 16 bits, and one that is longer
/// would hide all pieces.
fn parse(text: &str) -> Vec<Segment> {
    let segment = |line: &str| {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [key, id, _, _, _, _, attached, ..] = fields[..] else { return None };
        let (key, id) = (key.parse().ok()?, id.parse().ok()?);
        Some(Segment { key, id, attached: attached.parse().ok()? })
    };
    text.lines().filter_map(segment).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_a_piece_whoever_owns_it() {
        let text = "       key      shmid perms                  size  cpid  lpid nattch   uid   gid  cuid  cgid      atime      dtime      ctime                   rss                  swap\n   \
                    1234567         42   600                    56    12    12      0 1000000 65534 65534 65534 1 2 3 4096 0\n  \
                    -7         43   600                    56    12    12      3 65534 65534 65534 65534 1 2 3 4096 0\n";
        let expected = [
            Segment { key: 1_234_567, id: 42, attached: 0 },
            Segment { key: -7, id: 43, attached: 3 },
        ];
        assert_eq!(parse(text), expected);
    }
}
