//! The diagnosis for real: clusters in namespaces, broken in every way that a cause is known for.

mod causes;
mod evidence;
mod lab;
