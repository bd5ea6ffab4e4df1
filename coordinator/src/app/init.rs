//! `init`: resolves a project's directory, its name and the worker library it depends on.

use std::path::Path;

use super::{App, ExitCode};
use crate::cli::InitEngine;
use crate::error::{AppError, exit};
use crate::init::{Name, Project, nearest_library};

pub(super) fn engine(app: &mut App<'_>, args: &InitEngine) -> Result<ExitCode, AppError> {
    let here = |source| AppError::Io {
        path: args.dir.clone(),
        source,
    };
    let dir = std::path::absolute(&args.dir).map_err(here)?;
    let name = args.name.clone().unwrap_or_else(|| called(&dir));
    let worker = match &args.worker_path {
        Some(path) => path.clone(),
        None => nearest_library(&std::env::current_dir().map_err(here)?)?,
    };
    let name: Name = name.parse().map_err(crate::init::InitError::from)?;
    let kind = args.kind;
    let project = Project {
        dir: args.dir.clone(),
        name,
        kind,
        worker,
    };
    for path in project.write()? {
        app.reporter.line(&path.display().to_string())?;
    }
    Ok(exit::OK)
}

/// The directory's name in lower case, with hyphens for spaces and dots.
fn called(dir: &Path) -> String {
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    name.to_lowercase().replace([' ', '.'], "-")
}
