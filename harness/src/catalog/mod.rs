//! What there is to run: distros from `vm-images/`, scenarios from `scenarios/`.

pub mod distro;
pub mod scenario;
