//! Blocks of commands: a page is a session in a folder of its own, from its first block to its
//! last.
//!
//! The page of an example begins with a copy of its project. A block with `file=PATH` is written there. In a block of `sh` a line that begins with `$ ` is
//! run, and what stands below it, if anything, is what it prints; `…` stands for anything within
//! a line, and a line `...` for any lines. `sh fails` exits with another code than 0, `sh serve`
//! goes on until the end of the page, and `sh manual` is not run.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::markdown::{Block, Page, pages, root};

/// Where the documentation says that a project listens.
const ADDRESS: &str = "127.0.0.1:8000";

#[test]
fn commands_print_what_is_shown() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for page in pages() {
        let mut session = Session::new(&page);
        for block in page.blocks() {
            if let Err(problem) = session.take(&page, &block, &mut count) {
                wrong.push(problem);
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(count >= 10, "the walk found only {count} commands");
}

/// A copy of a project, without what was made by running it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.unwrap().file_name()));
        match from.is_dir() {
            true if from.ends_with("data") => {}
            true => copy(&from, &to),
            false => drop(fs::copy(from, to).unwrap()),
        }
    }
}

struct Session {
    home: TempDir,
    folder: PathBuf,
    address: String,
    server: Option<Server>,
}

/// Ends with the session.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Session {
    fn new(page: &Page) -> Self {
        let home = TempDir::new().unwrap();
        fs::write(home.path().join(".curlrc"), "silent\nshow-error\nmax-time = 30\n").unwrap();
        let folder = home.path().join("work");
        match page.path.strip_prefix("examples/").and_then(|path| path.split_once('/')) {
            Some((project, _)) => copy(&root().join("examples").join(project), &folder),
            None => fs::create_dir(&folder).unwrap(),
        }
        // Free now; nobody else is given it before the server is.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        Self { home, folder, address, server: None }
    }

    fn take(&mut self, page: &Page, block: &Block, count: &mut usize) -> Result<(), String> {
        if let Some(path) = block.info.split(' ').find_map(|word| word.strip_prefix("file=")) {
            let path = self.folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, block.text.replace(ADDRESS, &self.address)).unwrap();
        }
        if block.word(0) != "sh" || block.word(1) == "manual" {
            return Ok(());
        }
        for (command, shown) in commands(&block.text) {
            *count += 1;
            self.run(block, &command, &shown)
                .map_err(|problem| format!("{}: `{command}`: {problem}", page.place(block)))?;
        }
        Ok(())
    }

    fn run(&mut self, block: &Block, command: &str, shown: &str) -> Result<(), String> {
        if let Some(folder) = command.strip_prefix("cd ") {
            self.folder.push(folder);
            return Ok(());
        }
        let printed = if block.word(1) == "serve" {
            self.serve(command, shown.lines().count())?
        } else {
            let output =
                self.bash(&format!("exec 2>&1\n{command}")).output().map_err(|error| error.to_string())?;
            let printed = String::from_utf8(output.stdout).unwrap();
            if output.status.success() == (block.word(1) == "fails") {
                return Err(format!("exits with {:?}:\n{printed}", output.status.code()));
            }
            printed
        };
        let printed = printed.replace(&self.address, ADDRESS);
        if shown.is_empty() || alike(shown, &printed) {
            Ok(())
        } else {
            Err(format!("prints\n{printed}\nand not\n{shown}"))
        }
    }

    fn bash(&self, command: &str) -> Command {
        let programs = Path::new(env!("CARGO_BIN_EXE_pathway")).parent().unwrap();
        let path = std::env::var("PATH").unwrap();
        let mut bash = Command::new("bash");
        bash.arg("-c").arg(command.replace(ADDRESS, &self.address));
        bash.current_dir(&self.folder).env_clear().stdin(Stdio::null());
        bash.env("PATH", format!("{}:{path}", programs.display()));
        bash.env("HOME", self.home.path())
            .env("PATHWAY_LISTEN", &self.address)
            .env("PATHWAY_ADMIN", "127.0.0.1:0");
        bash
    }

    /// Begins to serve; what it prints first, which comes when it is ready.
    fn serve(&mut self, command: &str, lines: usize) -> Result<String, String> {
        let spawned =
            self.bash(&format!("exec {command}")).stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        let server = self.server.insert(Server(spawned.map_err(|error| error.to_string())?));
        let mut output = BufReader::new(server.0.stderr.take().unwrap());
        let mut printed = String::new();
        for _ in 0..lines.max(1) {
            output.read_line(&mut printed).map_err(|error| error.to_string())?;
        }
        // Whoever writes to a pipe that nobody reads waits for ever.
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        Ok(printed)
    }
}

/// The commands of a block and what is shown below each.
fn commands(text: &str) -> Vec<(String, String)> {
    let mut commands: Vec<(String, String)> = Vec::new();
    let mut continues = false;
    for line in text.lines() {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(command), _) => commands.push((command.to_owned(), String::new())),
            (None, Some((command, _))) if continues => {
                command.push('\n');
                command.push_str(line);
            }
            (None, Some((_, shown))) => {
                shown.push_str(line);
                shown.push('\n');
            }
            (None, None) => panic!("`{line}` is below no command"),
        }
        continues = line.ends_with('\\') && (continues || line.starts_with("$ "));
    }
    commands
}

/// Whether `printed` is what is shown, but for what `…` and `...` leave open.
fn alike(shown: &str, printed: &str) -> bool {
    let shown: Vec<&str> = shown.trim().lines().map(str::trim_end).collect();
    let printed: Vec<&str> = printed.trim().lines().map(str::trim_end).collect();
    lines_alike(&shown, &printed)
}

fn lines_alike(shown: &[&str], printed: &[&str]) -> bool {
    match (shown, printed) {
        ([], []) => true,
        (["...", rest @ ..], [_, after @ ..]) => lines_alike(rest, printed) || lines_alike(shown, after),
        (["...", rest @ ..], []) => lines_alike(rest, &[]),
        ([first, rest @ ..], [line, printed @ ..]) => line_alike(first, line) && lines_alike(rest, printed),
        _ => false,
    }
}

fn line_alike(shown: &str, line: &str) -> bool {
    let parts: Vec<&str> = shown.split('…').collect();
    let [first, middle @ .., last] = parts.as_slice() else { return shown == line };
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    for part in middle {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[test]
fn what_is_left_open_matches() {
    assert!(alike("a\n", "a"));
    assert!(alike("a … b … c", "a 1 b 2 c"));
    assert!(alike("a\n...\nd", "a\nb\nc\nd"));
    assert!(!alike("a … b", "a 1 c"));
    assert!(!alike("a", "a\nb"));
    assert!(!alike("a\n...\nd", "a\nb"));
}
