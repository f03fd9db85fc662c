//! Progress of a download or a build: a bar on a terminal, plain lines elsewhere.

use std::{
    io::{self, IsTerminal as _, Write as _},
    sync::Mutex,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

use super::words::size;

/// How often a plain line is printed while a download goes on.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// Shows progress on standard error.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    plain: Mutex<Plain>,
}

#[derive(Debug)]
struct Plain {
    what: String,
    done: u64,
    total: Option<u64>,
    printed: Instant,
}

impl Progress {
    /// Progress as standard error can show it.
    #[must_use]
    pub fn detect() -> Self {
        let bar = io::stderr().is_terminal().then(ProgressBar::hidden);
        Self { bar, plain: Mutex::new(Plain { what: String::new(), done: 0, total: None, printed: Instant::now() }) }
    }

    /// One line that stays.
    pub fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) if !bar.is_hidden() => bar.println(text),
            // Nothing is left to tell it to when standard error is gone.
            _ => drop(writeln!(io::stderr(), "{text}")),
        }
    }

    /// Something that takes a while starts, of which `done` is done already.
    pub(crate) fn start(&self, what: &str, done: u64, total: Option<u64>) {
        if let Some(bar) = &self.bar {
            bar.reset();
            bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
            bar.set_style(style(total.is_some()));
            bar.set_length(total.unwrap_or_default());
            bar.set_position(done);
            bar.set_message(what.to_owned());
            bar.enable_steady_tick(Duration::from_millis(200));
        } else {
            self.line(what);
            if let Ok(mut plain) = self.plain.lock() {
                *plain = Plain { what: what.to_owned(), done, total, printed: Instant::now() };
            }
        }
    }

    /// This many bytes more are done.
    pub(crate) fn add(&self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.inc(bytes);
            return;
        }
        let Ok(mut plain) = self.plain.lock() else { return };
        plain.done += bytes;
        if plain.printed.elapsed() >= LINE_EVERY {
            plain.printed = Instant::now();
            let of = plain.total.map_or_else(String::new, |total| format!(" of {}", size(total)));
            let line = format!("{}: {}{of}", plain.what, size(plain.done));
            drop(plain);
            self.line(&line);
        }
    }

    /// It ended.
    pub(crate) fn end(&self) {
        if let Some(bar) = &self.bar {
            bar.disable_steady_tick();
            bar.finish_and_clear();
            bar.set_draw_target(indicatif::ProgressDrawTarget::hidden());
        }
    }
}

fn style(bounded: bool) -> ProgressStyle {
    let template = if bounded {
        "{msg}  {bar:25} {bytes}/{total_bytes}  {bytes_per_sec}  {eta}"
    } else {
        "{spinner} {msg}  {elapsed}"
    };
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
