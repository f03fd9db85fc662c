//! Where the catalogue is: the folder that holds `scenarios` and `vm-images`.

use camino::{Utf8Path, Utf8PathBuf};

use super::problem::CatalogError;

/// The environment variable that names the folder.
pub const HOME_VARIABLE: &str = "PATHLAB_HOME";

/// Finds the folder: by the environment, else above the working directory, else above the program
/// itself, else where it was built.
pub fn find() -> Result<Utf8PathBuf, CatalogError> {
    if let Some(home) = std::env::var_os(HOME_VARIABLE).filter(|home| !home.is_empty()) {
        let home = Utf8PathBuf::from_os_string(home)
            .map_err(|home| CatalogError::new(format!("{HOME_VARIABLE} is not UTF-8: {}", home.display())))?;
        if is_root(&home) {
            return Ok(home);
        }
        let message = format!("{HOME_VARIABLE} is {home}, which does not hold both `scenarios` and `vm-images`");
        return Err(CatalogError::new(message).advice("set it to Pathlab's own folder, or unset it"));
    }
    let utf8 = |path: std::io::Result<std::path::PathBuf>| Utf8PathBuf::from_path_buf(path.ok()?).ok();
    let above = |path: Option<Utf8PathBuf>| path?.ancestors().find(|folder| is_root(folder)).map(Utf8Path::to_owned);
    above(utf8(std::env::current_dir()))
        .or_else(|| above(utf8(std::env::current_exe())))
        .or_else(|| above(Some(Utf8PathBuf::from(env!("CARGO_MANIFEST_DIR")))))
        .ok_or_else(|| {
            CatalogError::new("found no folder that holds both `scenarios` and `vm-images`").advice(format!(
                "looked above the working directory, above this program, and where it was built; \
                 run it in Pathlab's own folder, or name that folder in {HOME_VARIABLE}"
            ))
        })
}

fn is_root(folder: &Utf8Path) -> bool {
    folder.join("scenarios").is_dir() && folder.join("vm-images").is_dir()
}
