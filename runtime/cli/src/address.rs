//! The address that a server listens on.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

use anyhow::{Context, Result, anyhow};

/// How many ports after a taken one are tried.
const PORTS_TRIED: u16 = 100;

/// A listener on exactly this address.
pub(crate) fn listen(address: SocketAddr) -> Result<TcpListener> {
    bind(address).map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => {
            anyhow!("{address} is in use by another process: stop that one, or choose another with --listen (port 0 takes any)")
        }
        ErrorKind::PermissionDenied => {
            anyhow!("this user may not listen on {address}: choose a port from 1024 on with --listen")
        }
        ErrorKind::AddrNotAvailable => anyhow!("{} is no address of this machine", address.ip()),
        _ => anyhow::Error::new(error).context(format!("cannot listen on {address}")),
    })
}

/// A listener on loopback at `port`, or at the next one that is free.
pub(crate) fn listen_near(host: IpAddr, port: u16) -> Result<TcpListener> {
    let mut last = None;
    for candidate in port..=port.saturating_add(PORTS_TRIED) {
        match bind((host, candidate).into()) {
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::AddrInUse | ErrorKind::PermissionDenied
                ) =>
            {
                last = Some(error);
            }
            Err(error) => {
                return Err(error).context(format!(
                    "cannot listen on {}",
                    SocketAddr::from((host, candidate))
                ));
            }
            Ok(listener) => return Ok(listener),
        }
    }
    Err(last.map_or_else(|| anyhow!("no port left"), anyhow::Error::new)).context(format!(
        "no free port from {port} on; choose another with --port"
    ))
}

/// A listener on loopback at `port` if it is free, else anywhere.
pub(crate) fn listen_at_or_anywhere(port: Option<u16>) -> io::Result<TcpListener> {
    if let Some(listener) = port.and_then(|port| bind((Ipv4Addr::LOCALHOST, port).into()).ok()) {
        return Ok(listener);
    }
    bind((Ipv4Addr::LOCALHOST, 0).into())
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    // The standard library sets SO_REUSEADDR here, so that a restart needs not wait for old connections to time out.
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_means_the_next_free_one_or_an_error_that_names_it() {
        let first = listen_near(Ipv4Addr::LOCALHOST.into(), 0).unwrap();
        let taken = first.local_addr().unwrap();
        let error = listen(taken).unwrap_err().to_string();
        assert!(
            error.contains(&taken.to_string()) && error.contains("--listen"),
            "{error}"
        );
        if let Ok(next) = listen_near(taken.ip(), taken.port()) {
            assert!(next.local_addr().unwrap().port() > taken.port());
        }
        let anywhere = listen_at_or_anywhere(Some(taken.port())).unwrap();
        assert_ne!(anywhere.local_addr().unwrap(), taken);
    }
}
