//! One child process: its streams, its process group, its end.
//!
//! The child leads a process group of its own, so that a Ctrl-C in the terminal reaches only
//! us, and so that whatever it leaves behind can be ended with it. What it prints is bounded.
//! Nothing here knows what an engine is.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid,
};

use super::interrupt::Interrupts;

/// How often the streams are left to look for signals and the end of the child.
const TICK: Duration = Duration::from_millis(50);
/// How long a child that may be cut short has to tidy up after being asked.
const TIDY_UP: Duration = Duration::from_secs(5);
/// How long streams may stay open after the child ended: a stray descendant may hold them.
const LINGER: Duration = Duration::from_secs(2);
const MAX_STDERR: usize = 64 * 1024;

pub(super) struct Invocation<'a> {
    pub program: &'a Path,
    pub args: &'a [OsString],
    pub dir: &'a Path,
    /// The whole environment: nothing is inherited.
    pub variables: &'a BTreeMap<OsString, OsString>,
    pub stdin: Option<OwnedFd>,
    pub patience: Patience,
    pub deadline: Option<Duration>,
    pub interrupts: &'a Interrupts,
}

/// What asking the child to stop leads to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// Asked once, killed when it has not ended after a while.
    Bounded,
    /// Asked once per request and waited for: killing an apply loses what it did.
    Unbounded,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Consumed {
    Fine,
    /// Ask the child to stop.
    Stop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Code(i32),
    Signal(i32),
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Code(code) => write!(f, "exit code {code}"),
            Exit::Signal(signal) => write!(f, "ended by signal {signal}"),
        }
    }
}

#[derive(Debug)]
pub(super) struct Ended {
    pub exit: Exit,
    /// The first part of standard error, raw.
    pub stderr: Vec<u8>,
    pub interrupted: bool,
    pub timed_out: bool,
}

enum Output {
    Stdout(Vec<u8>),
    Stderr(Vec<u8>),
    Closed,
}

/// Runs to the end. `on_stdout` gets the output in pieces as it comes.
pub(super) fn run(
    invocation: Invocation<'_>,
    on_stdout: &mut dyn FnMut(&[u8]) -> Consumed,
) -> io::Result<Ended> {
    let _watch = invocation.interrupts.watch();
    let mut command = Command::new(invocation.program);
    command
        .args(invocation.args)
        .current_dir(invocation.dir)
        .env_clear()
        .envs(invocation.variables)
        .stdin(invocation.stdin.map_or_else(Stdio::null, Stdio::from))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let mut running = Running::start(&mut command, invocation.patience)?;
    let output = running.streams()?;

    let started = Instant::now();
    let mut ended = Ended {
        exit: Exit::Code(0),
        stderr: Vec::new(),
        interrupted: false,
        timed_out: false,
    };
    let mut open_streams = 2;
    let mut kill_at: Option<Instant> = None;
    let mut gone_since: Option<Instant> = None;

    loop {
        // Once both streams are closed nothing more can arrive and only the end is waited for.
        let wait = if open_streams == 0 {
            Duration::from_millis(2)
        } else {
            TICK
        };
        match output.recv_timeout(wait) {
            Ok(Output::Stdout(bytes)) => {
                if on_stdout(&bytes) == Consumed::Stop {
                    running.ask();
                    kill_at.get_or_insert(Instant::now() + TIDY_UP);
                }
            }
            Ok(Output::Stderr(bytes)) => {
                let room = MAX_STDERR.saturating_sub(ended.stderr.len());
                ended
                    .stderr
                    .extend_from_slice(&bytes[..bytes.len().min(room)]);
            }
            Ok(Output::Closed) => open_streams -= 1,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                open_streams = 0;
                std::thread::sleep(wait);
            }
        }

        if invocation.interrupts.take() {
            ended.interrupted = true;
            running.ask();
            kill_at.get_or_insert(Instant::now() + TIDY_UP);
        }
        if invocation
            .deadline
            .is_some_and(|limit| started.elapsed() > limit)
        {
            ended.timed_out = true;
            running.kill_group();
        }
        if invocation.patience == Patience::Bounded && kill_at.is_some_and(|at| Instant::now() > at)
        {
            running.kill_group();
        }

        if gone_since.is_none() && running.has_ended()? {
            // Before the leader is reaped its number cannot belong to anyone else, so this
            // ends what it left behind and nothing more.
            running.kill_group();
            gone_since = Some(Instant::now());
        }
        if let Some(since) = gone_since
            && (open_streams == 0 || since.elapsed() > LINGER)
        {
            break;
        }
    }
    ended.exit = running.reap()?;
    Ok(ended)
}

/// A child that is never left running: dropped early it is stopped the way its patience allows.
struct Running {
    child: Child,
    pid: Pid,
    patience: Patience,
    reaped: bool,
}

impl Running {
    fn start(command: &mut Command, patience: Patience) -> io::Result<Running> {
        let child = command.spawn()?;
        let pid = i32::try_from(child.id())
            .ok()
            .and_then(Pid::from_raw)
            .ok_or_else(|| io::Error::other("the child has no process number"))?;
        Ok(Running {
            child,
            pid,
            patience,
            reaped: false,
        })
    }

    fn streams(&mut self) -> io::Result<Receiver<Output>> {
        let (sender, receiver) = sync_channel(64);
        let missing = || io::Error::other("the child has no output");
        let stdout = self.child.stdout.take().ok_or_else(missing)?;
        let stderr = self.child.stderr.take().ok_or_else(missing)?;
        forward(stdout, sender.clone(), Output::Stdout);
        forward(stderr, sender, Output::Stderr);
        Ok(receiver)
    }

    /// SIGINT to the leader alone: the engine then stops its providers and commands itself.
    fn ask(&self) {
        let _ = kill_process(self.pid, Signal::INT);
    }

    fn kill_group(&self) {
        let _ = kill_process_group(self.pid, Signal::KILL);
    }

    /// Whether the leader ended, leaving it to be reaped later.
    fn has_ended(&self) -> io::Result<bool> {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        Ok(waitid(WaitId::Pid(self.pid), options)?.is_some())
    }

    fn reap(mut self) -> io::Result<Exit> {
        let status = self.child.wait()?;
        self.reaped = true;
        Ok(match (status.code(), status.signal()) {
            (Some(code), _) => Exit::Code(code),
            (None, Some(signal)) => Exit::Signal(signal),
            (None, None) => Exit::Code(-1),
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.reaped {
            return;
        }
        match self.patience {
            Patience::Bounded => self.kill_group(),
            Patience::Unbounded => self.ask(),
        }
        let _ = self.child.wait();
    }
}

fn forward(
    mut stream: impl Read + Send + 'static,
    to: SyncSender<Output>,
    wrap: fn(Vec<u8>) -> Output,
) {
    // Not joined: a descendant in another session may keep the stream open for ever.
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => break,
                // Nobody listening any more is no reason to block the child on a full pipe.
                Ok(n) => drop(to.send(wrap(buffer[..n].to_vec()))),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
        let _ = to.send(Output::Closed);
    });
}
