//! The programs that are measured: built in release mode, then found.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use tokio::process::Command;

/// The checkout that this program was built from.
pub(crate) fn repository() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().unwrap_or(package).to_owned()
}

/// Builds what is measured; gives the folder that it is in.
pub(crate) async fn build() -> anyhow::Result<PathBuf> {
    let packages = ["auth-service", "org-service", "protected-service", "tessera"];
    let packages = packages.iter().flat_map(|name| ["--package", name]);
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--release", "--locked", "--quiet"]).args(packages).current_dir(repository());
    ensure!(cargo.status().await.context("cargo")?.success(), "the build failed");
    let own = std::env::current_exe()?;
    Ok(own.parent().context("a folder")?.to_owned())
}

/// The organization service's own tests, which `scale` runs, in release mode; cargo's own words are left out.
pub(crate) fn tests(arguments: &[&str]) -> Vec<String> {
    let own = ["test", "--release", "--locked", "--quiet", "--package", "org-service", "--lib"];
    own.iter().chain(arguments).map(|&argument| argument.to_owned()).collect()
}

/// Builds them, on all cores and before the time counts.
pub(crate) async fn build_tests() -> anyhow::Result<()> {
    let mut cargo = Command::new("cargo");
    cargo.args(tests(&["--no-run"])).current_dir(repository()).kill_on_drop(true);
    ensure!(cargo.status().await.context("cargo")?.success(), "the build failed");
    Ok(())
}

/// Where the checkout's neighbours are, which come with it and are no part of it.
pub(crate) fn beside(path: &str) -> PathBuf {
    repository().join("..").join(path)
}
