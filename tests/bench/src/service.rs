//! A service for steps to call: in a thread of its own, so that its CPU can be told apart, and as simple as HTTP allows.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use anyhow::Result;

/// The name of its threads, as the system cuts it.
pub(crate) const THREAD: &str = "bench-service";

/// Serves on a port of its own until the process ends: `200 {}` to every request.
pub(crate) fn start() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::Builder::new().name(THREAD.into()).spawn(move || {
        for stream in listener.incoming().flatten() {
            let serving = thread::Builder::new().name(THREAD.into());
            // A client that went away, or no thread: the step's request fails, and says so.
            let _ = serving.stack_size(64 << 10).spawn(move || serve(&stream));
        }
    })?;
    Ok(address)
}

/// Answers the requests of one connection, one after the other.
fn serve(stream: &TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut answer = stream;
    let mut requests = BufReader::new(stream);
    loop {
        let mut length = 0;
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            if requests.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let header = line.to_ascii_lowercase();
            if let Some(value) = header.strip_prefix("content-length:") {
                length = value.trim().parse().unwrap_or(0);
            }
        }
        std::io::copy(&mut (&mut requests).take(length), &mut std::io::sink())?;
        answer.write_all(
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: application/json\r\n\r\n{}",
        )?;
    }
}
