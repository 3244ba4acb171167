//! [`Front`]: one address before several replicas of a service, as a name with several addresses is.
//!
//! Each connection goes to the next replica that takes it. Nobody asks how a replica feels: one that
//! drains gets new connections for as long as it accepts them, and a refused one goes elsewhere.

use std::{io, net::SocketAddr};

use anyhow::Context as _;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// One address before several, for as long as it exists.
#[derive(Debug)]
pub struct Front {
    /// `http://127.0.0.1:PORT`
    pub base: String,
    accepting: JoinHandle<()>,
}

impl Front {
    /// Stands before the servers of these `http://` addresses.
    pub async fn before(bases: &[&str]) -> anyhow::Result<Self> {
        let address = |base: &&str| base.trim_start_matches("http://").parse::<SocketAddr>();
        let servers: Vec<_> = bases.iter().map(address).collect::<Result<_, _>>().context("addresses")?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let base = format!("http://{}", listener.local_addr()?);
        let accepting = tokio::spawn(accept(listener, servers));
        Ok(Self { base, accepting })
    }
}

async fn accept(listener: TcpListener, mut servers: Vec<SocketAddr>) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(pass(client, servers.clone()));
        // An empty list has no first server that could be the last of the next turn.
        let turn = usize::from(!servers.is_empty());
        servers.rotate_left(turn);
    }
}

async fn pass(mut client: TcpStream, servers: Vec<SocketAddr>) -> io::Result<()> {
    for server in servers {
        if let Ok(mut server) = TcpStream::connect(server).await {
            copy_bidirectional(&mut client, &mut server).await?;
            break;
        }
    }
    Ok(())
}

impl Drop for Front {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
