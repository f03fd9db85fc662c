//! Files that are written on a machine.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use fs_err as fs;
use libtest_mimic::Failed;
use pathlab::provider::{Machine, MachineError};

use super::{ensure, server::Server};

pub async fn files_have_their_content_and_mode() -> Result<(), Failed> {
    let server = Server::start()?;
    let content: Vec<u8> = (0..3_000_000_u32).map(|number| number.to_le_bytes()[number as usize % 3]).collect();
    for user in ["root", "may"] {
        let machine = server.connected(user).await?;
        let folder = server.path().join(user).join("a folder/with 'quotes'");
        let path = folder.join("-$(file)");
        for (content, mode) in [(content.as_slice(), 0o600), (b"", 0o644), (b"#!/bin/sh\n", 0o755), (b"s", 0o4711)] {
            machine.write_file(&path, content, mode).await?;
            let metadata = fs::metadata(&path)?;
            ensure(fs::read(&path)? == content, || format!("{user}: {} bytes", metadata.len()))?;
            let is = metadata.permissions().mode() & 0o7777;
            ensure(is == mode, || format!("{user}: mode {is:o}, not {mode:o}"))?;
            ensure(metadata.uid() == 0, || format!("{user}: belongs to {}", metadata.uid()))?;
        }
        let names: Vec<_> = fs::read_dir(&folder)?.filter_map(Result::ok).map(|entry| entry.file_name()).collect();
        ensure(names == ["-$(file)"], || format!("{names:?}"))?;
    }
    Ok(())
}

pub async fn a_file_that_cannot_be_written_is_said() -> Result<(), Failed> {
    let server = Server::start()?;
    let machine = server.connected("may").await?;
    fs::write(server.path().join("file"), "precious")?;
    fs::create_dir(server.path().join("folder"))?;
    for path in ["file/below", "folder"] {
        match machine.write_file(&server.path().join(path), b"new", 0o644).await {
            Err(MachineError::File { path: said, reason, .. }) if said.ends_with(path) && !reason.is_empty() => {}
            other => return Err(format!("{path}: {other:?}").into()),
        }
    }
    let left: Vec<_> = fs::read_dir(server.path().join("folder"))?.collect();
    ensure(left.is_empty(), || format!("{left:?}"))?;
    ensure(fs::read_to_string(server.path().join("file"))? == "precious", || "the file was changed".to_owned())
}
