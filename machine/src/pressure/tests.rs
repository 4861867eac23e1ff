use std::time::Duration;

use proptest::prelude::*;

use super::text::io_bytes;
use super::*;
use crate::process::Stat;

/// Two processors of a virtual machine, Linux 6.1, cut after the first lines.
const STAT: &str = "\
cpu  259809 150131 35914 215014 2100 0 566 1396 0 0
cpu0 131140 72866 17066 110081 467 0 144 713 0 0
cpu1 128668 77265 18848 104933 1633 0 421 682 0 0
intr 2194715 0 0 0 0 0 0 0 0 0
ctxt 5033162
btime 1795691021
processes 18398
procs_running 7
procs_blocked 0
softirq 865325 0 168417 2 51373 36 0 6 352236 12 293243
";

const PSI: &str = "\
some avg10=0.41 avg60=0.50 avg300=1.33 total=34373272
full avg10=0.41 avg60=0.33 avg300=0.50 total=15782047
";

/// The processor's file of a kernel before 5.13.
const PSI_OLD: &str = "some avg10=99.39 avg60=97.12 avg300=61.12 total=562116102\n";

const MEMINFO: &str = "\
MemTotal:       24684096 kB
MemFree:         9314028 kB
MemAvailable:   23768744 kB
Buffers:          262632 kB
Cached:         13797220 kB
SwapCached:            0 kB
Active:          7047456 kB
Inactive:        7577512 kB
SwapTotal:             0 kB
SwapFree:              0 kB
Dirty:             46512 kB
Writeback:             0 kB
Slab:             539828 kB
VmallocTotal:   34359738367 kB
VmallocUsed:       24076 kB
";

fn process(pid: u32, parent: u32, ticks: u64, collected: u64) -> Stat {
    Stat {
        pid,
        parent,
        start_time: 7,
        command: format!("p{pid}"),
        state: 'S',
        ticks,
        collected,
        pages: 10,
        is_kernel: parent == 2,
        yields: false,
    }
}

fn look(at: u64, cpu: Cpu, processes: Vec<Stat>) -> Look {
    Look {
        at: Duration::from_secs(at),
        cpu: Some(cpu),
        family: Some(Family::of(processes, &[10], 4096)),
        ..Look::default()
    }
}

fn cpu(work: u64, idle: u64, steal: u64) -> Cpu {
    Cpu { cpus: 2, work, idle, steal, ..Cpu::default() }
}

#[test]
fn the_times_of_all_processors_are_read() {
    let cpu = Cpu::parse(STAT).unwrap();
    assert_eq!(cpu.work, 259_809 + 150_131 + 35_914);
    assert_eq!((cpu.idle, cpu.interrupts, cpu.steal), (217_114, 566, 1396));
    assert_eq!((cpu.cpus, cpu.runnable), (2, Some(7)));
    assert!(Cpu::parse("").is_err());
}

#[test]
fn the_load_of_a_minute_is_read() {
    assert_eq!(text::load("3.17 2.40 1.05 2/812 31337\n"), Ok(3.17));
    for other in ["", "nan 0 0", "-1 0 0", "load 3"] {
        assert!(text::load(other).is_err(), "{other}");
    }
    let before = Look { load: Some(1.0), ..Look::default() };
    let after = Look { at: Duration::from_secs(1), load: Some(3.0), ..Look::default() };
    assert_eq!(Pressure::between(&before, &after).load, Some(3.0));
}

#[test]
fn stalls_are_read_and_what_a_kernel_does_not_tell_is_unknown() {
    assert_eq!(Stall::parse(PSI), Ok(Stall { some: 34_373_272, full: Some(15_782_047) }));
    assert_eq!(Stall::parse(PSI_OLD), Ok(Stall { some: 562_116_102, full: None }));
    assert!(Stall::parse("").is_err());
    assert!(Stall::parse("some avg10=0.00").is_err());
}

#[test]
fn memory_is_read_in_bytes() {
    let memory = Memory { total: 24_684_096 * 1024, available: 23_768_744 * 1024 };
    assert_eq!(Memory::parse(MEMINFO), Ok(memory));
    let old = MEMINFO.replace("MemAvailable", "MemOther");
    assert!(Memory::parse(&old).is_err(), "unknown is not 0");
}

#[test]
fn bytes_to_and_from_disks_are_read() {
    let text = "nr_free_pages 1874659\npgpgin 11225961\npgpgout 32497888\npgpgoutclean 9\n";
    assert_eq!(io_bytes(text), Ok((11_225_961 + 32_497_888) * 1024));
    assert!(io_bytes("pgpgin 1\n").is_err());
}

#[test]
fn descendants_are_own_and_what_they_left_behind_too() {
    let before = vec![process(10, 1, 100, 0), process(11, 10, 40, 0), process(12, 11, 30, 0)];
    // 12 ended after 20 ticks more, and 11 collected it.
    let after = vec![process(10, 1, 110, 0), process(11, 10, 45, 50), process(99, 1, 30, 0)];
    let pressure =
        Pressure::between(&look(0, cpu(1000, 0, 0), before), &look(1, cpu(1100, 90, 10), after));
    assert_eq!(pressure.busy, Some(0.5));
    assert_eq!(pressure.steal, Some(0.05));
    assert_eq!(pressure.own, Some(35.0 / 200.0));
    assert_eq!(pressure.foreign, Some(65.0 / 200.0));
    assert_eq!(pressure.foreign_by, [("p99".to_owned(), 0.15)]);
}

#[test]
fn what_yields_to_everybody_is_foreign_and_does_not_press() {
    let idle = |pid, ticks, collected| Stat { yields: true, ..process(pid, 1, ticks, collected) };
    let before = vec![process(10, 1, 0, 0), idle(98, 0, 0), process(99, 1, 0, 0)];
    // 98 has collected a child that used 20 ticks.
    let after = vec![process(10, 1, 0, 0), idle(98, 30, 20), process(99, 1, 10, 0)];
    let pressure =
        Pressure::between(&look(0, cpu(0, 0, 0), before), &look(1, cpu(60, 40, 0), after));
    assert_eq!(pressure.foreign, Some(0.6));
    assert!(pressure.pressing.is_some_and(|share| (share - 0.1).abs() < 1e-9), "{pressure:?}");
}

#[test]
fn waiting_is_that_of_the_own_threads() {
    let with = |at, threads: &[(u32, u64, u64)]| {
        let threads = threads.iter().map(|&(id, ran, waited)| (id, Turns { ran, waited }));
        let mut look = look(at, cpu(at * 10, 0, 0), vec![process(10, 1, 0, 0)]);
        let family = look.family.as_mut().unwrap();
        family.own_threads = Some(threads.collect());
        look
    };
    let second = 1_000_000_000;
    // 12 is new and 11 has ended.
    let before = with(0, &[(10, second, 0), (11, 7, 7)]);
    let after = with(2, &[(10, 2 * second, second), (12, 0, second)]);
    let pressure = Pressure::between(&before, &after);
    assert_eq!(pressure.own_waited, Some(1.0));
    assert_eq!(pressure.own_waiting, Some(2.0 / 3.0));
    let idle = Pressure::between(&before, &with(1, &[(10, second, 0)]));
    assert_eq!(idle.own_waiting, Some(0.0));
    let untold = Pressure::between(&before, &look(1, cpu(20, 0, 0), Vec::new()));
    assert_eq!(untold.own_waiting, None, "what the kernel does not tell is unknown");
}

#[test]
fn turns_are_read() {
    assert_eq!(Turns::parse("1180763 64332 2\n"), Ok(Turns { ran: 1_180_763, waited: 64_332 }));
    assert!(Turns::parse("").is_err() && Turns::parse("1 x 2").is_err());
}

#[test]
fn kernel_threads_are_nobodys() {
    let before = vec![process(10, 1, 0, 0), process(3, 2, 0, 0)];
    let after = vec![process(10, 1, 0, 0), process(3, 2, 60, 0)];
    let pressure =
        Pressure::between(&look(0, cpu(0, 0, 0), before), &look(1, cpu(60, 40, 0), after));
    assert_eq!(pressure.foreign, Some(0.0));
}

#[test]
fn what_was_not_read_is_unknown() {
    let empty = Look::default();
    let later = Look { at: Duration::from_secs(1), ..Look::default() };
    assert_eq!(Pressure::between(&empty, &later), Pressure::default());
    let known = look(1, cpu(10, 10, 0), Vec::new());
    assert_eq!(Pressure::between(&empty, &known).busy, None, "one look is no difference");
}

#[test]
fn this_host_can_be_looked_at() {
    let watch = Watch::default();
    let look = watch.look(&[std::process::id()]);
    assert!(look.cpu.is_some_and(|cpu| cpu.cpus > 0 && cpu.total() > 0));
    assert!(look.memory.is_some_and(|memory| memory.available <= memory.total));
    assert!(look.family.is_some_and(|family| !family.own.is_empty() && family.own_bytes > 0));
}

proptest! {
    /// Every share lies between 0 and 1, whatever the counters say, and own and
    /// foreign work are never more than all that was busy.
    #[test]
    fn shares_are_shares(
        first in (0_u64..1000, 0_u64..1000, 0_u64..1000),
        second in (0_u64..2000, 0_u64..2000, 0_u64..2000),
        ticks in prop::collection::vec((0_u64..500, 0_u64..500), 4),
    ) {
        let family = |late: bool| -> Vec<Stat> {
            let parents = [1, 10, 2, 1];
            let all = ticks.iter().zip(parents).zip([10, 11, 3, 99]);
            all.map(|((&(early, more), parent), pid)| {
                process(pid, parent, early + if late { more } else { 0 }, 0)
            }).collect()
        };
        let before = look(0, cpu(first.0, first.1, first.2), family(false));
        let after = look(1, cpu(second.0, second.1, second.2), family(true));
        let pressure = Pressure::between(&before, &after);
        let all = [pressure.busy, pressure.steal, pressure.own, pressure.foreign];
        for share in all.into_iter().flatten() {
            prop_assert!((0.0..=1.0).contains(&share), "{share}");
        }
        if let (Some(busy), Some(foreign)) = (pressure.busy, pressure.foreign) {
            prop_assert!(foreign <= busy + 1e-9);
        }
    }
}
