//! Secrets from files: `NAME_FILE` names the file that holds what `NAME` would.
//!
//! Orchestrators mount secrets as files, and an environment is easily printed. Only what bears a
//! secret or belongs to one has this form, and certificates, which are files everywhere else.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use zeroize::Zeroizing;

use super::{ConfigError, Source, Variables};

/// The variables that a file can hold.
const FROM_FILES: [&str; 7] = [
    "AUTH_SIGNING_KEY",
    "AUTH_VERIFYING_KEY",
    "AUTH_KEY_ENCRYPTION_KEY",
    "ORG_AUDIT_KEY",
    PUBLIC,
    "ORG_MAIL_URL",
    "SERVICE_SECRET",
];

/// The one of them that everybody may read.
const PUBLIC: &str = "ORG_MAIL_CA";

/// A longer file is a mistake: the longest of these secrets has a few kilobytes.
const LONGEST: u64 = 64 * 1024;

impl Variables {
    /// Puts what `NAME_FILE` names in the place of `NAME`. Both at once are a contradiction; a file that
    /// cannot be read, is empty or no text is an error that names variable and path. The end of its
    /// last line is left out. A file that everybody on the machine may read is warned of once logging
    /// starts.
    pub fn with_files(mut self) -> Result<Self, ConfigError> {
        for name in FROM_FILES {
            let from = format!("{name}_FILE");
            let Some((path, _)) = self.0.remove(&from) else { continue };
            if self.get(name).is_some() {
                return Err(ConfigError::new(&from, &format!("contradicts {name}: set one of them")));
            }
            let unusable = |why: &str| ConfigError::new(&from, &format!("{path}: {why}"));
            let (text, mode) = read(Path::new(&path)).map_err(|error| unusable(&error.to_string()))?;
            let text = text.strip_suffix('\n').unwrap_or(&text);
            let text = text.strip_suffix('\r').unwrap_or(text);
            if text.is_empty() {
                return Err(unusable("the file is empty"));
            }
            if mode & 0o004 != 0 && name != PUBLIC {
                self.1.push(format!("{from}: everybody on this machine may read {path}"));
            }
            self.set(name, text, Source::File);
        }
        Ok(self)
    }

    /// What [`Variables::with_files`] found doubtful.
    pub fn warnings(&self) -> impl Iterator<Item = &str> {
        self.1.iter().map(String::as_str)
    }
}

/// A file's text and its mode.
fn read(path: &Path) -> io::Result<(Zeroizing<String>, u32)> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let mut text = Zeroizing::new(String::new());
    // A pipe has no length: what counts is how much comes.
    if file.take(LONGEST + 1).read_to_string(&mut text)? as u64 > LONGEST {
        return Err(io::Error::other("the file is longer than 64 KiB"));
    }
    // A pipe is nobody else's.
    Ok((text, if metadata.is_file() { metadata.permissions().mode() } else { 0 }))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn with(pairs: &[(&str, &str)]) -> Result<Variables, String> {
        let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Variables::from_pairs(pairs).with_files().map_err(|error| error.to_string())
    }

    /// A file of a test's own with this content and mode, by its path.
    fn file(content: &[u8], mode: u32) -> (tempfile::TempDir, String) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        (folder, path.to_string_lossy().into_owned())
    }

    #[test]
    fn a_file_stands_for_its_variable_without_the_end_of_its_last_line() {
        for (content, value) in [("a\nb\n", "a\nb"), ("a\r\n", "a"), ("a", "a"), (" a \n\n", " a \n")] {
            let (_folder, path) = file(content.as_bytes(), 0o600);
            for name in FROM_FILES {
                let variables = with(&[(&format!("{name}_FILE"), &path)]).unwrap();
                assert_eq!((variables.get(name), variables.source(name)), (Some(value), Source::File));
                assert_eq!(variables.get(&format!("{name}_FILE")), None, "it is no setting of its own");
                assert_eq!(variables.warnings().count(), 0);
            }
        }
    }

    #[test]
    fn a_variable_and_its_file_contradict_each_other() {
        let (_folder, path) = file(b"secret", 0o600);
        let error = with(&[("SERVICE_SECRET", "x"), ("SERVICE_SECRET_FILE", &path)]).unwrap_err();
        assert_eq!(error, "SERVICE_SECRET_FILE: contradicts SERVICE_SECRET: set one of them");
        let empty = with(&[("SERVICE_SECRET", ""), ("SERVICE_SECRET_FILE", &path)]).unwrap();
        assert_eq!(empty.get("SERVICE_SECRET"), Some("secret"), "an empty variable is unset");
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named_and_its_content_is_not() {
        let (folder, text) = file(b"", 0o600);
        let (_binary_folder, binary) = file(b"hunter2\xff", 0o600);
        let (_long_folder, long) = file(&vec![b'h'; 65_537], 0o600);
        let missing = folder.path().join("nowhere").to_string_lossy().into_owned();
        let itself = folder.path().to_string_lossy().into_owned();
        for path in [text, binary, long, missing, itself] {
            let error = with(&[("AUTH_SIGNING_KEY_FILE", &path)]).unwrap_err();
            assert!(error.starts_with(&format!("AUTH_SIGNING_KEY_FILE: {path}: ")), "{error}");
            assert!(!error.contains("hunter2") && !error.contains("hhh") && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn a_file_that_everybody_may_read_is_warned_of() {
        for (mode, warned) in [(0o600, false), (0o640, false), (0o644, true), (0o604, true)] {
            let (_folder, path) = file(b"hunter2", mode);
            let variables = with(&[("SERVICE_SECRET_FILE", &path)]).unwrap();
            let warnings: Vec<&str> = variables.warnings().collect();
            assert_eq!(!warnings.is_empty(), warned, "{mode:o}: {warnings:?}");
            assert!(
                warnings.iter().all(|w| w.starts_with("SERVICE_SECRET_FILE: ") && !w.contains("hunter2"))
            );
            assert_eq!(with(&[("ORG_MAIL_CA_FILE", &path)]).unwrap().warnings().count(), 0);
        }
    }
}
