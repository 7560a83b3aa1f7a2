//! What a broker is made of: jars from Maven Central, fetched once per user.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const POM: &str = include_str!("pom.xml");

/// The folder that holds the jars, which are fetched if they are not there.
pub(super) fn folder() -> Result<PathBuf, String> {
    let cache = cache()?;
    // A change of what is wanted is another folder.
    let name = format!("broker-{:016x}", fingerprint(POM));
    let folder = cache.join(name);
    if folder.is_dir() {
        return Ok(folder);
    }
    fetch(&cache, &folder)
        .map_err(|error| format!("no place for jars in {}: {error}", cache.display()))?
        .map(|()| folder)
}

/// Others may be fetching too: whoever is first puts the folder in its place.
fn fetch(cache: &Path, folder: &Path) -> io::Result<Result<(), String>> {
    let draft = cache.join(format!("draft-{}", std::process::id()));
    let jars = draft.join("jars");
    std::fs::create_dir_all(&jars)?;
    std::fs::write(draft.join("pom.xml"), POM)?;
    let fetched = Command::new("mvn")
        .args(["--batch-mode", "--quiet", "--file"])
        .arg(draft.join("pom.xml"))
        .arg("dependency:copy-dependencies")
        .arg(format!("-DoutputDirectory={}", jars.display()))
        .stdin(Stdio::null())
        .output()?;
    let result = if fetched.status.success() {
        match std::fs::rename(&jars, folder) {
            Err(error) if !folder.is_dir() => return Err(error),
            _ => Ok(()),
        }
    } else {
        Err(format!("mvn failed:\n{}", String::from_utf8_lossy(&fetched.stdout)))
    };
    std::fs::remove_dir_all(&draft)?;
    Ok(result)
}

/// Where programs of this user keep what can be fetched again.
fn cache() -> Result<PathBuf, String> {
    let of = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = of("XDG_CACHE_HOME").or_else(|| Some(of("HOME")?.join(".cache")));
    cache.map(|cache| cache.join("pathway-tests")).ok_or_else(|| "there is no $HOME".to_owned())
}

/// FNV-1a: equal on every machine and in every build.
fn fingerprint(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
