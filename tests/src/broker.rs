//! A RabbitMQ of a test's own, and nothing else.

use std::time::Duration;

use anyhow::Result;
use lab::{Lab, LabOptions, Patience, RabbitMq, RabbitMqOptions};

use crate::program::{Profile, Program};

const PATIENCE: Duration = Duration::from_secs(180);

/// A node that ends when it is dropped.
#[derive(Debug)]
pub struct OwnBroker {
    rabbitmq: RabbitMq,
    _lab: Lab,
    _logs: tempfile::TempDir,
}

impl OwnBroker {
    /// Starts a node and waits until it answers.
    ///
    /// # Errors
    /// When it does not.
    pub fn start(profile: Profile) -> Result<Self> {
        let logs = tempfile::Builder::new().prefix("shakedown-tests-").tempdir()?;
        let exe = Program::Verify.build(profile)?;
        let lab = LabOptions { exe, ..LabOptions::new(logs.path()) }.start()?;
        let rabbitmq = RabbitMq::start(&lab, &RabbitMqOptions::default(), Patience::new(PATIENCE))?;
        Ok(Self { rabbitmq, _lab: lab, _logs: logs })
    }

    /// `HOST:PORT` of AMQP.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.rabbitmq.amqp_port())
    }
}
