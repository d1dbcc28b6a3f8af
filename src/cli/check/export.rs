//! Export — counterexamples as files → a folder. Does I/O: creates the folder, writes the files.

use crate::cli::UsageError;
use replicheck::models::export::Export;
use std::path::PathBuf;

/// A folder that files can be written to.
pub struct Folder(PathBuf);

impl Folder {
    /// Creates the folder if it does not exist. It is called before the search, so that a wrong name does not
    /// lose the results of a minute.
    pub fn make(name: &str) -> Result<Folder, UsageError> {
        let folder = PathBuf::from(name);
        std::fs::create_dir_all(&folder).map_err(|error| wrong(name.to_owned(), &error))?;
        Ok(Folder(folder))
    }

    /// Writes the files. An existing file of the same name is overwritten.
    pub fn write(&self, files: impl IntoIterator<Item = Export>) -> Result<(), UsageError> {
        for file in files {
            let path = self.0.join(&file.name);
            std::fs::write(&path, file.text).map_err(|error| wrong(path.display().to_string(), &error))?;
        }
        Ok(())
    }
}

fn wrong(file: String, error: &std::io::Error) -> UsageError {
    UsageError::File { file, reason: error.to_string() }
}
