//! The gateway: its own configuration, on loopback and without containers.

use std::{net::TcpListener, time::Duration};

use anyhow::{Context as _, ensure};
use e2e::{Actor, Node, until};

use crate::{programs::repository, stage::Stage};

/// How long it may take to find both services healthy.
const START: Duration = Duration::from_secs(20);

/// The configuration with other addresses: what is to be replaced has to be there, or this would not be
/// the gateway's configuration any more.
fn adapt(text: &str, changes: &[(&str, &str)]) -> anyhow::Result<String> {
    changes.iter().try_fold(text.to_owned(), |text, (old, new)| {
        ensure!(text.contains(old), "gateway/haproxy.cfg has no {old:?}");
        Ok(text.replace(old, new))
    })
}

fn server(name: &str, node: &Node) -> String {
    let port = |address: &str| address.rsplit(':').next().unwrap_or_default().to_owned();
    format!("server {name} 127.0.0.1:{} port {}", port(&node.base), port(&node.management))
}

fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// Starts it before these services, and waits until it has found them healthy.
pub(crate) async fn start(stage: &Stage, auth: &Node, org: &Node) -> anyhow::Result<Node> {
    let folder = repository().join("gateway");
    let [public, health, metrics] = [free_port()?, free_port()?, free_port()?];
    let text = std::fs::read_to_string(folder.join("haproxy.cfg"))?;
    let text = adapt(
        &text,
        &[
            ("/usr/local/etc/haproxy/errors/", &format!("{}/errors/", folder.display())),
            ("    bind :8000\n", &format!("    bind 127.0.0.1:{public}\n")),
            ("bind 127.0.0.1:8404", &format!("bind 127.0.0.1:{health}")),
            ("bind :8405", &format!("bind 127.0.0.1:{metrics}")),
            ("    default-server resolvers containers resolve-prefer ipv4 init-addr none\n", ""),
            ("server-template auth 1-32 auth-service:8001 port 9001", &server("auth1", auth)),
            ("server-template org 1-32 org-service:8002 port 9002", &server("org1", org)),
        ],
    )?;
    let file = stage.folder().join("haproxy.cfg");
    std::fs::write(&file, text)?;
    // Its log is written, as it is in production, and read by nobody.
    let line = format!("exec haproxy -db -f {} >/dev/null", file.display());
    let environment: Vec<_> = std::env::vars().collect();
    let environment = [environment, vec![("GATEWAY_OBTAIN_LIMIT".to_owned(), "1000000".to_owned())]].concat();
    let mut node = Node::start("/bin/sh".as_ref(), &["-c", &line], &environment, 0).await?;
    node.base = format!("http://127.0.0.1:{public}");
    let health = Actor::new(&format!("http://127.0.0.1:{health}"));
    let healthy = async || {
        node.usage().context("haproxy: apt-get install haproxy")?;
        Ok(health.get("/readyz").await.is_ok_and(|answer| answer.status == 200))
    };
    until("the gateway finds both services", START, healthy).await?;
    Ok(node)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_that_has_changed_is_noticed() {
        assert_eq!(adapt("bind :1", &[(":1", ":2")]).unwrap(), "bind :2");
        assert!(adapt("bind :1", &[(":3", ":2")]).is_err());
    }
}
