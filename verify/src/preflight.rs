//! A look at somebody's own system before the run: every address must answer,
//! and those that ask for a user must know ours. A wrong password that shows
//! only in the verdict costs its reader a minute and their patience.

use std::collections::BTreeMap;
use std::time::Duration;

use scenarios::plan::{Plan, ProbeKind};
use services::{Service, Trouble};

use crate::targets::{TargetError, service_of};

/// How long an address may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Looks at every address once.
///
/// # Errors
/// Every address at which nobody answers, or that refuses us.
pub async fn reach(plan: &Plan, targets: &BTreeMap<String, String>) -> Result<(), TargetError> {
    let management = management_keys(plan);
    let mut troubles = Vec::new();
    for (key, text) in targets {
        let declared = plan.system.targets.get(key).map_or(&[][..], |target| &target.schemes);
        let service = match management.contains(key) {
            true => Service::Management,
            false => service_of(text, declared),
        };
        let looked = async {
            let address = service.address(text)?;
            services::check(&address, "preflight", PATIENCE).await
        };
        troubles.extend(looked.await.err().map(|trouble| told(key, trouble)));
    }
    match troubles.pop() {
        None => Ok(()),
        Some(only) if troubles.is_empty() => Err(only),
        Some(last) => {
            troubles.push(last);
            Err(TargetError::Several(troubles))
        }
    }
}

/// The keys of the targets that the plan uses as management APIs.
fn management_keys(plan: &Plan) -> Vec<String> {
    let keys = plan.probes.iter().filter_map(|probe| match &probe.kind {
        ProbeKind::Rabbitmq { management: Some(address), .. } => Some(address.targets()),
        _ => None,
    });
    keys.flatten().collect()
}

fn told(key: &str, trouble: Trouble) -> TargetError {
    let key = key.to_owned();
    match trouble {
        Trouble::Address(error) => TargetError::NotAnAddress {
            key,
            text: error.shown,
            why: error.reason,
            example: error.service.about().example.to_owned(),
        },
        Trouble::Credentials { service, address, answer, .. } => TargetError::Unauthorized {
            key,
            address,
            why: answer,
            advice: service.about().credentials,
        },
        Trouble::Answer { address, answer: why, .. }
        | Trouble::Unreachable { address, reason: why, .. } => {
            TargetError::Unreachable { key, address, why }
        }
    }
}
