//! TLS — options and files → the certificates of a connection over TLS. Does I/O: it reads the files.

use super::UsageError;
use replicheck::probe::options::Tls;
use replicheck::secret::Secret;
use std::fs;

/// The options, named as those of redis-cli.
#[derive(clap::Args)]
pub struct Args {
    /// Connect to all nodes over TLS; the system's authorities are trusted
    #[arg(long)]
    tls: bool,
    /// Trust the authorities in this file (PEM) instead of the system's
    #[arg(long, value_name = "FILE", requires = "tls")]
    cacert: Option<String>,
    /// The own certificate (PEM), for nodes that ask for one
    #[arg(long, value_name = "FILE", requires = "tls", requires = "key")]
    cert: Option<String>,
    /// The key of the own certificate (PEM)
    #[arg(long, value_name = "FILE", requires = "tls", requires = "cert")]
    key: Option<String>,
}

impl Args {
    /// The options as they were given, each after a space.
    pub fn words(&self) -> String {
        let files = [("cacert", &self.cacert), ("cert", &self.cert), ("key", &self.key)];
        let given = |(name, file): (&str, &Option<String>)| Some(format!(" --{name} {}", file.as_ref()?));
        let tls = if self.tls { " --tls" } else { "" };
        tls.to_owned() + &files.into_iter().filter_map(given).collect::<String>()
    }

    /// The certificates; `None`: without TLS. Errors: a file that cannot be read, or is empty.
    pub fn read(&self) -> Result<Option<Tls>, UsageError> {
        if !self.tls {
            return Ok(None);
        }
        let authorities = self.cacert.as_deref().map(content).transpose()?;
        let own = match (&self.cert, &self.key) {
            (Some(certificate), Some(key)) => Some((content(certificate)?, secret(key)?)),
            _ => None,
        };
        Ok(Some(Tls { authorities, own }))
    }
}

fn content(file: &str) -> Result<Vec<u8>, UsageError> {
    fs::read(file).map_err(|error| wrong(file, error.to_string()))
}

fn secret(file: &str) -> Result<Secret, UsageError> {
    Secret::new(&content(file)?).ok_or_else(|| wrong(file, "it is empty".to_owned()))
}

fn wrong(file: &str, reason: String) -> UsageError {
    UsageError::File { file: file.to_owned(), reason }
}
