//! The folder is the interface: judged and drawn again, a run must come to the
//! same.

use anyhow::Result;
use reports::Record;
use reports::format::Format;

use crate::run::Ended;
use crate::sandbox::Sandbox;

/// What is not the same the second time. Writes the run's reports anew.
pub(super) fn misses(sandbox: &Sandbox, first: &Record, ended: &Ended) -> Result<Vec<String>> {
    let mut misses = Vec::new();
    let folder = sandbox.run()?;
    let run = folder.path().to_string_lossy().into_owned();

    let recheck = sandbox.verify(&["recheck", &run])?.end()?;
    if recheck.code != ended.code {
        misses.push(format!("exit code {:?} when judged again", recheck.code));
    }
    let second = sandbox.record()?;
    if (second.verdict, &second.headline) != (first.verdict, &first.headline) {
        misses.push(format!("judged again it is {}", second.verdict.word()));
    }
    for (one, other) in first.findings.iter().zip(&second.findings) {
        if one != other {
            misses.push(format!("judged again, {} is not the same", one.check));
        }
    }
    if first.findings.len() != second.findings.len() {
        misses.push(format!("judged again, {} findings", second.findings.len()));
    }
    for finding in &second.findings {
        if let Some(file) = &finding.evidence_file
            && !folder.file(file).exists()
        {
            misses.push(format!("{} names {file}, which is not there", finding.check));
        }
    }
    for format in Format::ALL {
        let drawn = sandbox.verify(&["render", &run, "--format", format.name()])?.end()?;
        let names_all = second.findings.iter().all(|f| drawn.stdout.contains(&f.check));
        if drawn.code != Some(0) || !names_all {
            misses.push(format!("as {format}: exit code {:?}, {}", drawn.code, drawn.stderr));
        }
    }
    Ok(misses)
}
