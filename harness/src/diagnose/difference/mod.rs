//! What is not the same on every distro, the most relevant first.

mod compare;
mod fact;
mod normal;
mod relevance;

pub use self::{
    compare::differences,
    fact::{Fact, facts},
};
