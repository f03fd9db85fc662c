//! `lab image` against a server of the test's own: what arrives well, what arrives badly, and what is left behind.

mod bench;
mod cache;
mod faults;
mod interrupted;
mod own;
mod red_hat;
mod room;
mod server;
