//! Everything that wakes the keeper's main thread, through one channel; and
//! the thread that writes its events. Neither of these threads forks.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;

use super::wire::{Command, Event};

/// A reason to wake.
#[derive(Debug)]
pub(crate) enum Input {
    Command(Command),
    /// A line that is not a command.
    Nonsense(String),
    /// The standard input has ended.
    Ended,
    /// SIGCHLD: some child has ended.
    ChildEnded,
    /// SIGTERM: clean up and end.
    Terminate,
}

/// Starts listening to the signals and to the standard input. Others send to the same
/// channel.
///
/// SIGINT, SIGHUP and SIGQUIT are caught and ignored: they mean the program in
/// the foreground, whose end the keeper notices by itself.
pub(crate) fn listen() -> io::Result<(Receiver<Input>, Sender<Input>)> {
    let (sender, receiver) = mpsc::channel();
    let mut signals = Signals::new([SIGCHLD, SIGTERM, SIGINT, SIGHUP, SIGQUIT])?;
    let to_main = sender.clone();
    thread::Builder::new().name("signals".into()).spawn(move || {
        for signal in signals.forever() {
            let input = match signal {
                SIGCHLD => Input::ChildEnded,
                SIGTERM => Input::Terminate,
                _ => continue,
            };
            if to_main.send(input).is_err() {
                return;
            }
        }
    })?;
    let lines = sender.clone();
    thread::Builder::new().name("commands".into()).spawn(move || {
        read_commands(io::stdin().lock(), &lines);
        let _ = lines.send(Input::Ended);
    })?;
    Ok((receiver, sender))
}

/// Passes on every command until there are no more, or nobody takes them.
fn read_commands(lines: impl BufRead, to_main: &Sender<Input>) {
    for line in lines.lines() {
        let Ok(line) = line else { return };
        let input = match serde_json::from_str(&line) {
            Ok(command) => Input::Command(command),
            Err(error) => Input::Nonsense(format!("not a command: {error}")),
        };
        if to_main.send(input).is_err() {
            return;
        }
    }
}

/// Starts to take commands from a child, and gives a channel for what it is to be told.
/// If it does not read its input, a thread alone waits for it.
pub(crate) fn steer(
    (mut input, output): (ChildStdin, ChildStdout),
    to_main: &Sender<Input>,
) -> io::Result<Sender<Event>> {
    let to_main = to_main.clone();
    thread::Builder::new()
        .name("steering".into())
        .spawn(move || read_commands(BufReader::new(output), &to_main))?;
    let (sender, receiver) = mpsc::channel::<Event>();
    thread::Builder::new()
        .name("steered".into())
        .spawn(move || receiver.iter().all(|event| write_line(&mut input, &event)))?;
    Ok(sender)
}

/// A thread that writes the events it is sent to the standard output. If
/// nobody reads them it alone is blocked, and the main thread goes on.
pub(crate) fn event_writer() -> Sender<Event> {
    let (sender, receiver) = mpsc::channel();
    let writer = thread::Builder::new()
        .name("events".into())
        .spawn(move || receiver.iter().all(|event| write_event(&event)));
    if let Err(error) = writer {
        eprintln!("no thread for the events: {error}");
    }
    sender
}

/// Writes one event; false once nobody can read it.
pub(crate) fn write_event(event: &Event) -> bool {
    write_line(&mut io::stdout().lock(), event)
}

fn write_line(output: &mut impl Write, event: &Event) -> bool {
    let Ok(mut line) = serde_json::to_vec(event) else { return true };
    line.push(b'\n');
    output.write_all(&line).and_then(|()| output.flush()).is_ok()
}
