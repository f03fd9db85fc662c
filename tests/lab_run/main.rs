//! `lab run` as a user runs it, in real namespaces.

mod leaves_nothing;
mod main_job;
mod support;
