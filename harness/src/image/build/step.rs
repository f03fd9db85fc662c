//! One program of a build: what it says goes into the log, and into the error when it fails.

use std::process::{Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};
use fs_err as fs;

use crate::image::error::ImageError;

/// How many of the last lines an error shows.
const TAIL: usize = 12;

/// A program that is about to run.
pub(super) struct Step<'a> {
    distro: &'a str,
    program: &'static str,
    log: Utf8PathBuf,
    input: Stdio,
}

impl<'a> Step<'a> {
    pub(super) fn new(distro: &'a str, program: &'static str, log: Utf8PathBuf) -> Self {
        Self { distro, program, log, input: Stdio::null() }
    }

    /// The same with a file as its standard input.
    pub(super) fn reading(mut self, path: &Utf8Path) -> Result<Self, ImageError> {
        let file = fs::File::open(path).map_err(|error| ImageError::io("read", path, error))?;
        self.input = file.into_parts().0.into();
        Ok(self)
    }

    /// Runs it to its end.
    pub(super) fn run(self, command: &mut Command) -> Result<(), ImageError> {
        let log = self.open_log()?;
        self.carry_out(command.stdout(log)).map(drop)
    }

    /// Runs it to its end and returns what it wrote.
    pub(super) fn output(self, command: &mut Command) -> Result<String, ImageError> {
        self.carry_out(command.stdout(Stdio::piped()))
    }

    fn carry_out(self, command: &mut Command) -> Result<String, ImageError> {
        let errors = self.open_log()?;
        let failed = |status: String, log: Utf8PathBuf| {
            let (distro, program, tail) = (self.distro.to_owned(), self.program, tail(&log));
            ImageError::BuildStep { distro, program, status, tail, log }
        };
        let child = command.stdin(self.input).stderr(errors).env("LC_ALL", "C.UTF-8").spawn();
        let output = match child.and_then(std::process::Child::wait_with_output) {
            Ok(output) => output,
            Err(error) => return Err(failed(error.to_string(), self.log)),
        };
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(failed(output.status.to_string(), self.log))
        }
    }

    fn open_log(&self) -> Result<Stdio, ImageError> {
        let log = fs::OpenOptions::new().create(true).append(true).open(&self.log);
        log.map(|file| file.into_parts().0.into()).map_err(|error| ImageError::io("write", &self.log, error))
    }
}

fn tail(log: &Utf8Path) -> String {
    let text = fs::read(log).map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default();
    let lines: Vec<String> = text.lines().map(|line| format!("  {line}")).collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}
