//! Files that hold a secret of the server: there in full or not at all, and for their owner only.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Writes `text` and a line's end. Of several processes that write at once one has the last word.
///
/// # Errors
/// What the file system refuses.
pub(crate) fn write(path: &Path, text: &str) -> io::Result<()> {
    // Each process has a draft of its own, or it would move another's away.
    let draft = path.with_extension(format!("new-{}", uuid::Uuid::new_v4().simple()));
    let written = write_by(&draft, path, text);
    if written.is_err() {
        // Why it could not be written is what counts.
        fs::remove_file(&draft).ok();
    }
    written
}

fn write_by(draft: &Path, path: &Path, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(draft)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    fs::rename(draft, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_writes_at_once_is_not_in_each_others_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::thread::scope(|scope| {
            for writer in 0..8 {
                let path = &path;
                scope.spawn(move || (0..20).for_each(|_| write(path, &writer.to_string()).unwrap()));
            }
        });
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.trim().parse::<u32>().is_ok_and(|writer| writer < 8), "{text}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing but the file is left");
    }
}
