//! The data folder: two SQLite files, the master key, and the lock of the one server.
//!
//! ```text
//! data/            0700
//!   auth.db        users, sessions, sealed keys
//!   org.db         organizations
//!   master.key     0600; seals the keys in auth.db
//!   tessera.lock   held by `serve`
//! ```

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use auth_service::sealing::SealingKeys;
use shared::config::{Source, Variables};

/// Why the data folder cannot be used. The message is one line.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// There is none.
    #[error("there is no data folder at {0}; `serve` makes one (see --data)")]
    Missing(PathBuf),
    /// Something in it cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// What.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Another server has it.
    #[error("another server uses the data folder {0} already; stop it first, or choose another with --data")]
    Locked(PathBuf),
    /// The database is there and its key is not.
    #[error(
        "{0} exists, but the master.key that its keys are sealed under is missing; restore it from a backup"
    )]
    KeyLost(PathBuf),
}

/// A data folder.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
}

/// Keeps other servers away until it is dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

const MASTER_KEY: &str = "master.key";
/// A master key being written; one that is found was left by an interrupted start.
const UNFINISHED: &str = ".master.key.";

impl DataFolder {
    /// The folder of a server that has been started, for commands beside it.
    pub fn open(path: &Path) -> Result<Self, DataError> {
        let missing = || DataError::Missing(path.to_owned());
        let folder = Self::at(path).map_err(|_| missing())?;
        if folder.path.join(MASTER_KEY).exists() { Ok(folder) } else { Err(missing()) }
    }

    /// The folder, made if it is not there.
    pub fn create(path: &Path) -> Result<Self, DataError> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(at(path))?;
        Self::at(path).map_err(at(path))
    }

    fn at(path: &Path) -> io::Result<Self> {
        fs::canonicalize(path).map(|path| Self { path })
    }

    /// Takes the lock that only one server can have.
    pub fn lock(&self) -> Result<Lock, DataError> {
        let path = self.path.join("tessera.lock");
        let file = OpenOptions::new().create(true).append(true).open(&path).map_err(at(&path))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) => Err(DataError::Locked(self.path.clone())),
            Err(TryLockError::Error(source)) => Err(DataError::Io { path, source }),
        }
    }

    /// Fills in what the environment leaves open: databases in this folder, and the master key, which
    /// is made even while nothing is sealed under it, so that managed keys can be turned on later.
    pub fn complete(&self, variables: &mut Variables) -> Result<(), DataError> {
        set_databases(&self.path, variables);
        variables.set_default("AUTH_KEY_ENCRYPTION_KEY", self.master_key()?, Source::DataFolder);
        Ok(())
    }

    /// The master key, made if there is none yet. It appears whole or not at all.
    fn master_key(&self) -> Result<String, DataError> {
        let path = self.path.join(MASTER_KEY);
        match fs::read_to_string(&path) {
            Ok(key) => return Ok(key.trim().to_owned()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(DataError::Io { path, source }),
        }
        let database = self.path.join("auth.db");
        if database.exists() {
            return Err(DataError::KeyLost(database));
        }
        self.write_master_key(&path).map_err(at(&path))?;
        // Whoever wrote it first, this is the one that counts.
        fs::read_to_string(&path).map(|key| key.trim().to_owned()).map_err(at(&path))
    }

    fn write_master_key(&self, path: &Path) -> io::Result<()> {
        let mut file = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .permissions(fs::Permissions::from_mode(0o600))
            .tempfile_in(&self.path)?;
        writeln!(file, "{}", SealingKeys::generate())?;
        file.as_file().sync_all()?;
        match file.persist_noclobber(path) {
            Ok(_) => File::open(&self.path)?.sync_all(),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error.error),
        }
    }

    /// Removes what an interrupted first start left. Call it under the lock.
    pub fn tidy(&self) -> Result<(), DataError> {
        for entry in fs::read_dir(&self.path).map_err(at(&self.path))?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                fs::remove_file(entry.path()).map_err(at(&entry.path()))?;
            }
        }
        Ok(())
    }
}

/// Names the databases that a folder has, or would have.
pub fn set_databases(folder: &Path, variables: &mut Variables) {
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let database = |name: &str| format!("sqlite://{}", folder.join(name).display());
    variables.set_default("AUTH_DATABASE_URL", database("auth.db"), Source::DataFolder);
    variables.set_default("ORG_DATABASE_URL", database("org.db"), Source::DataFolder);
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> DataError {
    let path = path.to_owned();
    move |source| DataError::Io { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(folder: &DataFolder) -> Variables {
        let mut variables = Variables::default();
        folder.complete(&mut variables).unwrap();
        variables
    }

    #[test]
    fn the_master_key_is_made_once_and_only_its_owner_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        let folder = DataFolder::create(&dir.path().join("data")).unwrap();
        let first = variables(&folder).get("AUTH_KEY_ENCRYPTION_KEY").unwrap().to_owned();
        assert_eq!(variables(&folder).get("AUTH_KEY_ENCRYPTION_KEY"), Some(first.as_str()));
        let mode = fs::metadata(folder.path.join(MASTER_KEY)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_second_server_is_refused_until_the_first_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let folder = DataFolder::create(dir.path()).unwrap();
        let lock = folder.lock().unwrap();
        assert!(matches!(folder.lock(), Err(DataError::Locked(_))));
        drop(lock);
        assert!(folder.lock().is_ok());
    }

    #[test]
    fn a_database_without_its_key_is_not_given_a_new_one() {
        let dir = tempfile::tempdir().unwrap();
        let folder = DataFolder::create(dir.path()).unwrap();
        fs::write(folder.path.join("auth.db"), "").unwrap();
        assert!(matches!(folder.complete(&mut Variables::default()), Err(DataError::KeyLost(_))));
    }

    #[test]
    fn an_interrupted_start_leaves_nothing_that_counts() {
        let dir = tempfile::tempdir().unwrap();
        let folder = DataFolder::create(dir.path()).unwrap();
        let half = folder.path.join(format!("{UNFINISHED}abc"));
        fs::write(&half, "half").unwrap();
        folder.tidy().unwrap();
        assert!(!half.exists());
        assert_ne!(variables(&folder).get("AUTH_KEY_ENCRYPTION_KEY"), Some("half"));
    }
}
