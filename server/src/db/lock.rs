//! Keeps a second process off the same SQLite file.

use std::fs::{File, TryLockError};
use std::path::PathBuf;

use super::OpenError;

/// Held as long as the database is open; the operating system frees it when the process ends, however it ends.
pub(super) struct FileLock {
    _file: File,
}

impl FileLock {
    pub(super) fn take(url: &str) -> Result<Self, OpenError> {
        let path = sqlite_path(url);
        let lock_path = path.with_extension("lock");
        let unreachable = |cause: std::io::Error| OpenError::Unreachable {
            address: path.display().to_string(),
            cause: sqlx::Error::Io(cause),
        };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(unreachable)?;
        }
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(lock_path)
            .map_err(unreachable)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.display().to_string())),
            Err(TryLockError::Error(cause)) => Err(unreachable(cause)),
        }
    }
}

fn sqlite_path(url: &str) -> PathBuf {
    let path = url.trim_start_matches("sqlite:").trim_start_matches("//");
    PathBuf::from(path.split('?').next().unwrap_or(path))
}
