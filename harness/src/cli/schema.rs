//! `lab schema`: the JSON Schema of a file format.

use std::io::Write;

use super::{args::SchemaArgs, failure::Failure};
use crate::schema::schema_text;

/// Prints the schema.
pub fn run(args: &SchemaArgs, out: &mut dyn Write) -> Result<(), Failure> {
    out.write_all(schema_text(args.what).as_bytes())?;
    Ok(())
}
