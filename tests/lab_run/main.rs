//! `lab run` and `lab doctor` as a user runs them, in real namespaces.

mod doctor;
mod leaves_nothing;
mod library;
mod long_runs;
mod main_job;
mod network;
mod nightly;
mod support;
