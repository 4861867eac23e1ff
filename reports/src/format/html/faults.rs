//! What was broken on purpose: a timeline, and what became of each fault.

use std::fmt::{Result, Write};

use super::escape::{shortened, text as safe};
use super::plot::{Plot, WIDTH};
use crate::format::text::{course, moment};
use crate::record::{FaultRecord, Record};

const LEFT: f64 = 170.0;
const TOP: f64 = 26.0;
const ROW: f64 = 28.0;

/// So many faults have a row in the timeline; the table has them all.
const ROWS: usize = 40;

pub(super) fn write(out: &mut String, record: &Record) -> Result {
    if record.faults.is_empty() {
        return Ok(());
    }
    out.push_str("<section class=\"card\" aria-labelledby=\"faults\">\n");
    out.push_str("<h2 id=\"faults\">Faults</h2>\n");
    timeline(out, record)?;
    let rows: Vec<_> = record.faults.iter().map(row).collect();
    super::table(
        out,
        "What became of each fault",
        &["Fault", "Kind", "Planned", "Injected", "Landed", "Healed", "Victims", "Problem"],
        &rows,
    )?;
    out.push_str("</section>\n");
    Ok(())
}

fn row(fault: &FaultRecord) -> Vec<String> {
    let at = |time: Option<f64>, never: &str| time.map_or_else(|| never.to_owned(), moment);
    let unseen = if fault.injected.is_some() { "not seen" } else { "–" };
    vec![
        fault.name.clone(),
        fault.kind.clone(),
        moment(fault.planned),
        at(fault.injected, if fault.blocked { "blocked" } else { "never" }),
        at(fault.confirmed, unseen),
        at(fault.healed, unseen),
        fault.victims.join(", "),
        fault.problem.clone().unwrap_or_default(),
    ]
}

/// A row a fault, from its injection to the moment the system was whole again.
fn timeline(out: &mut String, record: &Record) -> Result {
    let faults = &record.faults[..record.faults.len().min(ROWS)];
    let bottom = TOP + ROW * faults.len() as f64;
    let height = bottom + 26.0;
    let times = faults.iter().flat_map(|fault| {
        [Some(fault.planned), fault.injected, fault.confirmed, fault.healed].into_iter().flatten()
    });
    let plot = Plot::new(record, times, LEFT, TOP, bottom);
    writeln!(
        out,
        "<figure class=\"chart\"><div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Timeline of the faults\">\
         <svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-labelledby=\"timeline-title timeline-desc\">\n\
         <title id=\"timeline-title\">Timeline of the faults</title>\n<desc id=\"timeline-desc\">{}</desc>",
        safe(
            &faults
                .iter()
                .map(|f| format!("{} {}.", f.name, course(f)))
                .collect::<Vec<_>>()
                .join(" ")
        )
    )?;
    plot.phases(out, record)?;
    plot.time_axis(out)?;
    for (index, fault) in faults.iter().enumerate() {
        bar(out, &plot, fault, TOP + ROW * (index as f64 + 0.5))?;
    }
    out.push_str(
        "</svg></div>\n<figcaption><span class=\"key landed\">from injected to healed</span>",
    );
    out.push_str("<span class=\"key missed\">planned, and did not land or heal</span></figcaption></figure>\n");
    Ok(())
}

fn bar(out: &mut String, plot: &Plot, fault: &FaultRecord, y: f64) -> Result {
    writeln!(
        out,
        "<text class=\"row\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
        LEFT - 10.0,
        y + 4.0,
        safe(&shortened(&fault.name, 23))
    )?;
    let Some(injected) = fault.injected else {
        let x = plot.time.place(fault.planned);
        return writeln!(
            out,
            "<path class=\"missed\" d=\"M{:.1} {:.1}l10 10m0 -10l-10 10\"/>",
            x - 5.0,
            y - 5.0
        );
    };
    let x = plot.time.place(injected);
    let end = fault.healed.map_or(plot.time.end, |healed| plot.time.place(healed));
    let class =
        if fault.confirmed.is_some() && fault.healed.is_some() { "landed" } else { "missed" };
    let (top, width) = (y - 7.0, (end - x).max(6.0));
    writeln!(
        out,
        "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"14\" rx=\"3\"/>"
    )
}
