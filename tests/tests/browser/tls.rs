//! A proxy that ends TLS, as a load balancer does, with a certificate that was made for the test.

use std::sync::Arc;

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

/// TLS before a port of this machine, for as long as it exists.
pub(crate) struct Tls {
    pub(crate) port: u16,
    accepting: JoinHandle<()>,
}

impl Tls {
    /// Listens on a free port and passes on to `port` what it has decrypted.
    pub(crate) async fn before(port: u16) -> anyhow::Result<Self> {
        let acceptor = TlsAcceptor::from(Arc::new(config()?));
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let own = listener.local_addr()?.port();
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(pass_on(acceptor.clone(), client, port));
            }
        });
        Ok(Self { port: own, accepting })
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// A connection that breaks is the browser's to report: its page fails, and the test with it.
async fn pass_on(acceptor: TlsAcceptor, client: TcpStream, port: u16) -> std::io::Result<()> {
    let mut client = acceptor.accept(client).await?;
    let mut server = TcpStream::connect(("127.0.0.1", port)).await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

fn config() -> anyhow::Result<ServerConfig> {
    let names = ["app.example", "*.app.example", "evil.example"].map(str::to_owned);
    let made = rcgen::generate_simple_self_signed(names)?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    // Named, since the process may have other providers by way of other crates' features.
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let config = config.with_safe_default_protocol_versions()?.with_no_client_auth();
    Ok(config.with_single_cert(vec![made.cert.der().clone()], key)?)
}
