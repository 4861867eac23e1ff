use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use proptest::prelude::*;

use super::*;

/// A process that waits until it is ended, and is ended with the test.
struct Sleeper(Child);

impl Sleeper {
    fn start() -> Self {
        let mut command = Command::new("sleep");
        command.arg("1000").env("SLEEPS_FOR", "a=test").current_dir("/");
        Self(command.stdin(Stdio::null()).spawn().unwrap())
    }

    fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(60), "never came: {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

fn signal(pid: u32, signal: &str) {
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}

fn me() -> Pinned {
    Pinned::of(std::process::id()).unwrap()
}

#[test]
fn this_process_is_known() {
    let stat = stat(std::process::id()).unwrap();
    assert_eq!(stat.pinned(), me());
    assert!(stat.is_alive() && !stat.is_stopped() && !stat.is_kernel);
    assert_eq!(stat.parent, std::os::unix::process::parent_id());
    assert_eq!(owner(me().pid), Some(rustix::process::getuid().as_raw()));
    assert_eq!(executable(me().pid), std::env::current_exe().ok());
    assert_eq!(working_folder(me().pid), std::env::current_dir().ok());
    let words: Vec<OsString> = std::env::args_os().collect();
    assert_eq!(command_line(me().pid), words);
}

#[test]
fn a_process_is_alive_under_its_own_start_time_only() {
    assert!(me().is_alive());
    assert!(!me().is_stopped());
    let other = Pinned { start_time: me().start_time + 1, ..me() };
    assert!(!other.is_alive());
    assert_eq!((other.resident(), other.cpu_time(), other.stat()), (None, None, None));
}

#[test]
fn a_pinned_process_reads_back_from_its_text() {
    let pinned = Pinned { pid: 12, start_time: 98765 };
    assert_eq!(pinned.to_string().parse(), Ok(pinned));
    assert!("12".parse::<Pinned>().is_err());
    assert!("12@".parse::<Pinned>().is_err());
}

#[test]
fn memory_is_in_bytes_and_at_most_what_it_once_was() {
    let before = peak_resident(me().pid).unwrap();
    let held = vec![1_u8; 32 << 20];
    let resident = me().resident().unwrap();
    assert!(resident >= 32 << 20, "{resident} with {} bytes held", held.len());
    assert!(resident < 32 << 30);
    drop(std::hint::black_box(held));
    assert!(peak_resident(me().pid).unwrap() >= before.max(32 << 20));
}

#[test]
fn processor_time_is_what_was_burnt() {
    let begun = Instant::now();
    let before = me().cpu_time().unwrap();
    until("processor time", || {
        std::hint::black_box((0..1_000_000_u64).fold(0, u64::wrapping_add));
        me().cpu_time().unwrap() >= before + Duration::from_millis(50)
    });
    let threads = std::thread::available_parallelism().unwrap().get();
    let possible = begun.elapsed() * u32::try_from(threads).unwrap() + Duration::from_millis(20);
    assert!(me().cpu_time().unwrap() - before <= possible, "the unit is wrong");
}

#[test]
fn an_open_file_counts_until_it_is_closed() {
    let sleeper = Sleeper::start();
    // Its three streams, whatever else it was left.
    until("the program", || executable(sleeper.pid()) != std::env::current_exe().ok());
    let open = open_files(sleeper.pid()).unwrap();
    assert!((3..20).contains(&open), "{open}");
    let held: Vec<File> = (0..50).map(|_| File::open("/").unwrap()).collect();
    assert!(open_files(me().pid).unwrap() >= 53);
    drop(held);
}

#[test]
fn a_child_is_known_until_it_is_collected() {
    let mut sleeper = Sleeper::start();
    let pid = sleeper.pid();
    // The kernel sets the name first, and the words of the command line later.
    until("the program", || command_line(pid) == ["sleep", "1000"]);
    let pinned = Pinned::of(pid).unwrap();
    assert_eq!(stat(pid).unwrap().command, "sleep");
    assert!(pinned.start_time >= me().start_time);
    assert_eq!(stat(pid).unwrap().parent, me().pid);
    assert_eq!(working_folder(pid), Some("/".into()));
    assert_eq!(owner(pid), owner(me().pid));
    assert!(has_variable(pid, "SLEEPS_FOR", "a=test"), "{:?}", environment(pid));
    assert!(!has_variable(pid, "SLEEPS_FOR", "a") && !has_variable(pid, "SLEEPS", "a=test"));
    assert!(children(me().pid).unwrap().contains(&pid));
    let family = descendants(&[me().pid]).unwrap();
    assert!(family.contains(&pid) && family.contains(&me().pid) && !family.contains(&1));

    signal(pid, "-STOP");
    until("it to stop", || pinned.is_stopped());
    assert!(pinned.is_alive());

    sleeper.0.kill().unwrap();
    until("it to end", || !pinned.is_alive());
    assert_eq!(stat(pid).unwrap().state, 'Z');
    assert_eq!((Pinned::of(pid), pinned.resident(), pinned.cpu_time()), (None, None, None));
    assert!(children(me().pid).unwrap().contains(&pid), "it was not collected yet");
    assert_eq!(command_line(pid), Vec::<OsString>::new());

    sleeper.0.wait().unwrap();
    assert_eq!(stat(pid).map(|stat| stat.pinned()).filter(|other| *other == pinned), None);
}

#[test]
fn who_does_not_exist_has_nothing() {
    let nobody = u32::MAX;
    assert_eq!((stat(nobody), resident(nobody), owner(nobody)), (None, None, None));
    assert_eq!((open_files(nobody), executable(nobody)), (None, None));
    assert_eq!(command_line(nobody), Vec::<OsString>::new());
    assert!(environment(nobody).is_err());
    assert_eq!(descendants(&[nobody]).unwrap(), BTreeSet::new());
}

/// A command whose name holds what separates fields.
const LINE: &str = "18402 (a) R (b c) S 18395 18395 7291 0 -1 4194304 97 0 0 0 21 4 300 50 20 0 \
                    1 0 333118 3133440 358 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 \
                    0 0 0 0 0 0 0 0 0 0 0";

#[test]
fn a_process_is_read_whatever_its_command_is_called() {
    let stat = Stat::parse(LINE.as_bytes()).unwrap();
    assert_eq!((stat.pid, stat.parent, stat.start_time), (18_402, 18_395, 333_118));
    assert_eq!((stat.ticks, stat.collected, stat.pages), (25, 350, 358));
    assert_eq!((stat.command.as_str(), stat.state), ("a) R (b c", 'S'));
    assert!(!stat.is_kernel);
}

#[test]
fn another_text_is_no_process() {
    for text in ["", "1 (torn", "1 (a)", "1 (a) ", "(a) S 1", " (a) S 1", "1)( S 1", "1 (a) S 7"] {
        assert_eq!(Stat::parse(text.as_bytes()), None, "{text:?}");
    }
}

#[test]
fn the_kernels_threads_are_known() {
    let line = LINE.replace(" 4194304 ", " 69238848 ");
    assert!(Stat::parse(line.as_bytes()).unwrap().is_kernel);
}

proptest! {
    /// However a line is damaged, it is read or it is none.
    #[test]
    fn no_text_is_too_much(
        text in prop::collection::vec(any::<u8>(), 0..40),
        cut in 0_usize..LINE.len(),
        command in "[() \\n\u{e9}a]{0,8}",
    ) {
        let _ = Stat::parse(&text);
        let _ = Stat::parse(&[&LINE.as_bytes()[..cut], &text].concat());
        let named = LINE.replace("a) R (b c", &command);
        prop_assert_eq!(Stat::parse(named.as_bytes()).unwrap().command, command);
    }
}
