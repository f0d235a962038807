//! What goes to the terminal: colours, errors, events. Data goes to stdout, everything for people to stderr.

use std::io::{self, IsTerminal, Write};
use std::os::fd::AsRawFd;
use std::process::ExitCode;
use std::sync::OnceLock;

use opb::diag::{Cause, Caused, Failure};
use opb::eval::RecipeWarning;
use opb::event::Event;
use opb::report::clipped::Clipped;
use opb::report::lines::{Verbosity, line};
use opb::report::live::Live;

use crate::cli::{Color, Global};
use crate::exit;
use crate::stream::Stream;

static COLOR: OnceLock<bool> = OnceLock::new();

/// Ends the program by SIGPIPE instead of an error when stdout's reader is gone.
pub fn end_quietly_on_closed_pipe() {
    // SAFETY: no thread exists yet, and the default action is always a valid one.
    unsafe {
        let _ = nix::sys::signal::signal(nix::sys::signal::Signal::SIGPIPE, nix::sys::signal::SigHandler::SigDfl);
    }
}

/// Takes the wishes for colour.
pub fn set_up(global: &Global) {
    let color = wants_color(global, io::stderr().is_terminal());
    let _ = COLOR.set(color);
    let width = width_of(&io::stderr());
    // Only fails when called twice.
    let _ = miette::set_hook(Box::new(move |_| Box::new(handler(color, width))));
}

/// Renders errors, with lines clipped to how wide they may be.
struct Handler {
    handler: miette::MietteHandler,
    width: usize,
}

impl miette::ReportHandler for Handler {
    fn debug(&self, error: &dyn miette::Diagnostic, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.handler.debug(&Clipped::new(error, self.width), f)
    }
}

/// For a terminal, or for something else, of `width` columns.
fn handler(color: bool, width: usize) -> Handler {
    let handler = miette::MietteHandlerOpts::new()
        .color(color)
        .unicode(true)
        .terminal_links(false)
        // Paths and digests are not cut in two.
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .width(width);
    Handler { handler: handler.build(), width }
}

/// Whether to colour what goes to `is_terminal`.
fn wants_color(global: &Global, is_terminal: bool) -> bool {
    match global.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
    }
}

/// Errors and warnings that are what was asked for, for stdout.
pub fn findings(global: &Global, findings: &[&dyn miette::Diagnostic]) -> String {
    struct Shown<'a>(&'a dyn miette::Diagnostic, &'a Handler);
    impl std::fmt::Debug for Shown<'_> {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            miette::ReportHandler::debug(self.1, self.0, f)
        }
    }
    let color = wants_color(global, io::stdout().is_terminal());
    let handler = handler(color, width());
    findings.iter().map(|finding| harmless(&format!("{:?}\n", Shown(*finding, &handler)), color)).collect()
}

/// How many characters a line on stdout may have.
pub fn width() -> usize {
    width_of(&io::stdout())
}

/// How many characters a line may have there: the terminal's width, else what `COLUMNS` says. Where neither says
/// anything, lines of what is no terminal stay whole: what is in them can be searched for and copied.
fn width_of(place: &(impl IsTerminal + AsRawFd)) -> usize {
    let columns = || std::env::var("COLUMNS").ok()?.parse::<usize>().ok();
    let of_terminal = || {
        let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
        // SAFETY: the call writes a `winsize` where it is told to, and nothing else.
        let asked = unsafe { libc::ioctl(place.as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) };
        (asked == 0 && size.ws_col > 0).then_some(usize::from(size.ws_col))
    };
    let terminal = if place.is_terminal() { of_terminal() } else { None };
    let unsaid = if place.is_terminal() { 80 } else { 10_000 };
    terminal.or_else(columns).map_or(unsaid, |width| width.clamp(20, 1_000))
}

/// Shows an error on stderr.
pub fn show(failure: &Failure) {
    tell(&harmless(&format!("{:?}", failure.report), is_colored()));
    if failure.cause == Cause::Bug {
        tell("\n  this is a mistake in opb; please report it with the lines above\n");
    }
}

/// Writes to stderr. Where that is closed there is nobody to tell.
fn tell(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Whether stderr is coloured.
fn is_colored() -> bool {
    COLOR.get() == Some(&true)
}

/// A report without what could harm a terminal: file names and foreign texts are in it. Our own colours stay.
fn harmless(report: &str, color: bool) -> String {
    let mut parts = report.split('\u{1b}');
    let mut text = opb::report::plain(parts.next().unwrap_or_default());
    for part in parts {
        let code = part.strip_prefix('[').and_then(|rest| rest.split_once('m')).map(|(code, _)| code);
        let is_color = code.is_some_and(|code| code.bytes().all(|byte| byte.is_ascii_digit() || byte == b';'));
        text.push_str(if is_color && color { "\u{1b}" } else { "\\u{1b}" });
        text.push_str(&opb::report::plain(part));
    }
    text
}

/// Data could not be written.
#[derive(Debug, thiserror::Error, miette::Diagnostic)]
#[error("cannot write to the standard output")]
#[diagnostic(code(opb::output), help("look at the space on the file system that it goes to"))]
struct OutputError {
    #[source]
    source: io::Error,
}

impl Caused for OutputError {
    fn fault(&self) -> Cause {
        Cause::Environment
    }
}

/// Writes data to stdout while it is made.
pub fn stream(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
    let mut stdout = io::BufWriter::with_capacity(1 << 16, io::stdout().lock());
    match write(&mut stdout).and_then(|()| stdout.flush()) {
        // Where a closed pipe does not end the program by itself, it is no error either: the reader has enough.
        Err(source) if source.kind() != io::ErrorKind::BrokenPipe => Err(OutputError { source }.into()),
        _ => Ok(()),
    }
}

/// Writes data to stdout.
pub fn data(text: &str) {
    // A full disk or closed pipe behind stdout: the exit of the program tells.
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// Writes bytes to stdout as they are.
pub fn bytes(bytes: &[u8]) {
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(bytes).and_then(|()| stdout.flush());
}

/// Where a run's events go: a live view on a terminal, plain lines elsewhere, JSON for programs.
pub enum Events {
    /// A terminal.
    Live(Live),
    /// A pipe or a file.
    Lines(Verbosity),
    /// JSON lines on stdout.
    Json(Stream),
}

impl Events {
    /// As the arguments and stderr want it.
    pub fn new(global: &Global) -> Self {
        let verbosity = verbosity(global);
        if io::stderr().is_terminal() && verbosity != Verbosity::Quiet {
            Self::Live(Live::new(verbosity))
        } else {
            Self::Lines(verbosity)
        }
    }

    /// The same, or JSON where that `is_json`.
    pub fn of(global: &Global, is_json: bool) -> Self {
        if is_json { Self::Json(Stream::begin()) } else { Self::new(global) }
    }

    /// Does `deed`, which tells its events here, and ends the stream with its exit code.
    pub fn during(self, deed: impl FnOnce(&Self) -> Result<u8, Failure>) -> Result<ExitCode, Failure> {
        let done = deed(&self);
        if let Self::Json(stream) = &self {
            let (code, error) = match &done {
                Ok(code) => (*code, None),
                Err(failure) => (exit::number(failure.cause), Some(failure.to_string())),
            };
            let written = stream.end(code, error.as_deref());
            // A run that failed has more to say than that the disk is full.
            if let (Ok(0), Err(source)) = (&done, written) {
                return Err(OutputError { source }.into());
            }
        }
        done.map(ExitCode::from)
    }

    /// Shows `event`.
    pub fn show(&self, event: &Event) {
        match self {
            Self::Json(stream) => stream.show(event),
            Self::Live(live) => live.show(event),
            Self::Lines(verbosity) => {
                if let Some(line) = line(event, *verbosity) {
                    tell(&(line + "\n"));
                }
            }
        }
    }
}

/// Warnings about recipes, as errors are shown.
pub fn warnings(global: &Global, warnings: Vec<RecipeWarning>) {
    if verbosity(global) > Verbosity::Quiet {
        for warning in warnings {
            tell(&harmless(&format!("{:?}", miette::Report::new(warning)), is_colored()));
        }
    }
}

/// Lines that only those want who asked for more.
pub fn asides(global: &Global, notices: &[String]) {
    if verbosity(global) == Verbosity::Verbose {
        self::notices(global, notices);
    }
}

/// Text for people that everybody wants.
pub fn told(global: &Global, text: &str) {
    if verbosity(global) > Verbosity::Quiet {
        tell(text);
    }
}

/// Lines that everybody wants.
pub fn notices(global: &Global, notices: &[String]) {
    if verbosity(global) > Verbosity::Quiet {
        for notice in notices {
            tell(&format!("note: {}\n", opb::report::plain(notice)));
        }
    }
}

fn verbosity(global: &Global) -> Verbosity {
    match (global.quiet, global.verbose) {
        (true, _) => Verbosity::Quiet,
        (_, true) => Verbosity::Verbose,
        _ => Verbosity::Normal,
    }
}
