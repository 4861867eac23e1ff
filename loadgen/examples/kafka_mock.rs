//! librdkafka's mock broker as a process of its own, for comparisons: it speaks
//! the protocol over real sockets and keeps little. Prints its address and ends
//! when its input does.
//!
//! `cargo run --release --package loadgen --example kafka_mock -- TOPIC…`

use std::error::Error;
use std::io::{Read as _, Write as _, stdin, stdout};

use rdkafka::mocking::MockCluster;

fn main() -> Result<(), Box<dyn Error>> {
    let cluster = MockCluster::new(1)?;
    for topic in std::env::args().skip(1) {
        cluster.create_topic(&topic, 1, 1)?;
    }
    let mut out = stdout();
    writeln!(out, "{}", cluster.bootstrap_servers())?;
    out.flush()?;
    stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
