//! `lab run` and `lab doctor` as a user runs them, in real namespaces.

mod doctor;
mod leaves_nothing;
mod library;
mod main_job;
mod network;
mod support;
