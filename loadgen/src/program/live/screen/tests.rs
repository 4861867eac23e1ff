use loadgen::Tally;
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;

fn quantiles(micros: u64) -> Quantiles {
    let times = |factor: u64| Duration::from_micros(micros.saturating_mul(factor));
    Quantiles {
        count: micros,
        p50: times(1),
        p90: times(2),
        p95: times(3),
        p99: times(9),
        p999: times(20),
        max: times(40),
    }
}

/// The figures of a run that is loaded for a minute and has an outage.
struct Figures {
    progress: Progress,
    rates: Vec<Rates>,
    rows: Vec<Row>,
    kept: Vec<Kept>,
    outages: Vec<Outage>,
}

impl Figures {
    fn after(seconds: u64) -> Self {
        let down = |second: u64| (20..24).contains(&second);
        let row = |second| Row {
            second,
            tally: Tally { due: 5_000, acked: 4_990, ..Tally::default() },
            delay: quantiles(if down(second) { 90_000 } else { 12 }),
            service: quantiles(640 + second % 7 * 40),
            response: quantiles(if down(second) { 95_000 } else { 660 + second % 7 * 40 }),
        };
        let rates = |second| Rates {
            at: Duration::from_secs(second),
            due: 5_000.0,
            acked: if down(second) { 0.0 } else { 4_900.0 + (second % 5) as f64 * 40.0 },
        };
        let kept = |threshold: &str, held, found: &str| Kept {
            threshold: threshold.to_owned(),
            held,
            value: None,
            found: found.to_owned(),
        };
        let outage = |from, to, open, operations| Outage {
            from: Duration::from_millis(from),
            to: Duration::from_millis(to),
            open,
            operations,
        };
        Self {
            progress: Progress {
                due: seconds * 5_000,
                acked: seconds * 4_990,
                failed: 120,
                indeterminate: 64,
                dropped: 0,
                late: 20_400,
                under_way: 16,
            },
            rates: (1..=seconds).map(rates).collect(),
            rows: (0..seconds).map(row).collect(),
            kept: vec![
                kept("errors<1%", true, "0.12%"),
                kept("p99<50ms each 10s", false, "broken in 1 stretches, 855ms at worst"),
            ],
            outages: vec![outage(3_200, 3_800, false, 12), outage(20_010, 24_400, true, 172)],
        }
    }

    fn shot(&self) -> Shot<'_> {
        let at = self.rates.last().map_or(Duration::ZERO, |rates| rates.at);
        Shot {
            target: "http://127.0.0.1:8080/publish",
            asked: Some(5_000.0),
            at,
            begins_in: Duration::ZERO,
            length: Some(Duration::from_micros(59_999_800)),
            done: Some(at.as_secs_f64() / 60.0),
            ending: false,
            progress: self.progress,
            rates: &self.rates,
            rows: &self.rows,
            so_far: self.rows.last().map(|row| [row.delay, row.service, quantiles(700)]),
            kept: &self.kept,
            outages: &self.outages,
        }
    }
}

fn drawn(shot: &Shot, width: u16, height: u16, coloured: bool) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, shot, Palette { coloured })).unwrap();
    terminal
}

fn text(shot: &Shot, width: u16, height: u16) -> String {
    drawn(shot, width, height, true).backend().to_string()
}

#[test]
fn a_usual_terminal() {
    insta::assert_snapshot!(text(&Figures::after(42).shot(), 80, 24));
}

#[test]
fn a_large_terminal() {
    insta::assert_snapshot!(text(&Figures::after(42).shot(), 120, 40));
}

#[test]
fn a_tiny_terminal() {
    insta::assert_snapshot!(text(&Figures::after(42).shot(), 40, 10));
}

#[test]
fn before_the_first_second_without_an_end() {
    let figures = Figures { kept: Vec::new(), outages: Vec::new(), ..Figures::after(0) };
    let shot = Shot { asked: None, length: None, done: None, ..figures.shot() };
    insta::assert_snapshot!(text(&shot, 80, 24));
}

#[test]
fn the_state_is_said() {
    let figures = Figures::after(42);
    let ending = Shot { ending: true, ..figures.shot() };
    assert!(text(&ending, 80, 24).contains("q again"));
    let early = Shot { begins_in: Duration::from_secs(75), ..figures.shot() };
    assert!(text(&early, 80, 24).contains("begins in 1:15"));
    let late = Shot { at: Duration::from_secs(61), ..figures.shot() };
    assert!(text(&late, 80, 24).contains("waiting for the last answers"));
}

#[test]
fn without_colours_there_are_none_and_the_text_is_the_same() {
    let figures = Figures::after(42);
    let (plain, coloured) =
        (drawn(&figures.shot(), 80, 24, false), drawn(&figures.shot(), 80, 24, true));
    assert_eq!(plain.backend().to_string(), coloured.backend().to_string());
    let has_colour = |terminal: &Terminal<TestBackend>| {
        let mut cells = terminal.backend().buffer().content.iter();
        cells.any(|cell| cell.fg != Color::Reset || cell.bg != Color::Reset)
    };
    assert!(has_colour(&coloured) && !has_colour(&plain));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Whatever the size and the figures: it is drawn, and says the target
    /// where there is any room.
    #[test]
    fn it_fits_everywhere(
        (width, height) in (0_u16..200, 0_u16..70),
        seconds in 0_u64..400,
        counts in prop::array::uniform7(any::<u64>()),
        (micros, rate) in (any::<u64>(), prop_oneof![Just(f64::MAX), 0.0..1e12]),
        done in prop::option::of(0.0..=1.0),
        (kept, outages, ending) in (0_usize..9, 0_usize..9, any::<bool>()),
    ) {
        let mut figures = Figures::after(seconds);
        let [due, acked, failed, indeterminate, dropped, late, under_way] = counts.map(|n| n >> 3);
        figures.progress = Progress { due, acked, failed, indeterminate, dropped, late, under_way };
        if let (Some(row), Some(rates)) = (figures.rows.last_mut(), figures.rates.last_mut()) {
            (row.response, row.delay) = (quantiles(micros), quantiles(0));
            (rates.due, rates.acked) = (rate, rate / 2.0);
        }
        figures.kept = figures.kept.into_iter().cycle().take(kept).collect();
        figures.outages = figures.outages.into_iter().cycle().take(outages).collect();
        let shot = Shot { done, ending, ..figures.shot() };
        let terminal = drawn(&shot, width, height, true);
        if !ending && width >= 60 && height > 0 {
            prop_assert!(terminal.backend().to_string().contains("127.0.0.1"));
        }
    }
}
