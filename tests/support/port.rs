//! Ports for a server that must know them before it starts, and whose they are then.

use std::fs;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the range that systems give out by themselves, so that nobody gets one by chance while
/// its server is being restarted.
const FIRST: u16 = 20_000;
const LAST: u16 = 32_000;

/// Two ports that nobody listens on.
pub(crate) fn two() -> Option<(u16, u16)> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    // Test programs that run at once begin at different places.
    let begin = u16::try_from(std::process::id() % u32::from(LAST - FIRST)).unwrap_or(0);
    let mut free = (FIRST..LAST)
        .map(|_| FIRST + begin.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % (LAST - FIRST))
        .filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    Some((free.next()?, free.next()?))
}

/// Whether it is this process that listens on the port.
pub(crate) fn is_of(process: u32, port: u16) -> bool {
    let Some(socket) = listening(process, port) else { return false };
    let Ok(files) = fs::read_dir(format!("/proc/{process}/fd")) else { return false };
    let link = format!("socket:[{socket}]");
    files.flatten().any(|file| fs::read_link(file.path()).is_ok_and(|to| to.as_os_str() == link.as_str()))
}

/// The inode of the socket that listens there.
fn listening(process: u32, port: u16) -> Option<String> {
    const LISTENING: &str = "0A";
    ["tcp", "tcp6"].iter().find_map(|kind| {
        let table = fs::read_to_string(format!("/proc/{process}/net/{kind}")).ok()?;
        table.lines().find_map(|line| {
            let columns: Vec<&str> = line.split_ascii_whitespace().collect();
            let local = columns.get(1)?.rsplit_once(':')?.1;
            let meant = u16::from_str_radix(local, 16) == Ok(port) && columns.get(3) == Some(&LISTENING);
            meant.then(|| columns.get(9).map(|inode| (*inode).to_owned()))?
        })
    })
}
