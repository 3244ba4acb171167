//! [`Origin`]: scheme and host under which a client reached us, for absolute links.
//!
//! The `Host` header says it, or, if the connection comes from a trusted proxy, what the proxy says
//! in `X-Forwarded-Proto` and `X-Forwarded-Host`. From anybody else these headers mean nothing.

use std::{fmt, net::IpAddr, str::FromStr};

use actix_web::{
    HttpRequest,
    http::{
        StatusCode,
        header::{self, HeaderName},
    },
};
use ipnet::IpNet;

use crate::Problem;

/// Networks whose forwarding headers are believed: `127.0.0.0/8,10.1.2.3`, or `none`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedProxies(Vec<IpNet>);

impl Default for TrustedProxies {
    /// Loopback.
    fn default() -> Self {
        Self(vec![
            IpNet::new_assert([127, 0, 0, 0].into(), 8),
            IpNet::new_assert([0, 0, 0, 0, 0, 0, 0, 1].into(), 128),
        ])
    }
}

impl TrustedProxies {
    /// Whether this address is a trusted proxy's. An IPv4 address mapped into IPv6 is itself.
    #[must_use]
    pub fn trust(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl FromStr for TrustedProxies {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.eq_ignore_ascii_case("none") {
            return Ok(Self(Vec::new()));
        }
        let network = |text: &str| {
            let address = text.parse::<IpAddr>().map(IpNet::from);
            text.parse::<IpNet>()
                .or(address)
                .map_err(|_| format!("`{text}` is neither a network nor an address"))
        };
        text.split(',').map(|part| network(part.trim())).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for TrustedProxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none");
        }
        let networks: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&networks.join(","))
    }
}

/// Scheme and host of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// `http` or `https`.
    pub scheme: String,
    /// The host, with its port if the client named one.
    pub host: String,
}

impl Origin {
    /// The origin of a request; a host that cannot be one is refused with 400.
    pub fn of(request: &HttpRequest, proxies: &TrustedProxies) -> Result<Self, Problem> {
        let believed = request.peer_addr().is_some_and(|peer| proxies.trust(peer.ip()));
        let forwarded = |name: &'static str| {
            let name = HeaderName::from_static(name);
            if believed { first(request, &name) } else { None }
        };
        let scheme = forwarded("x-forwarded-proto").filter(|scheme| matches!(*scheme, "http" | "https"));
        let host = match forwarded("x-forwarded-host").or_else(|| first(request, &header::HOST)) {
            Some(host) if is_host(host) => host.to_owned(),
            // HTTP/1.0 needs no Host: the address that was called is as good.
            None if !request.headers().contains_key(header::HOST) => request.app_config().host().to_owned(),
            _ => return Err(Problem::new(StatusCode::BAD_REQUEST, "Invalid Host header.")),
        };
        let own = if request.app_config().secure() { "https" } else { "http" };
        Ok(Self { scheme: scheme.unwrap_or(own).to_owned(), host })
    }

    /// Whether the client's own connection is encrypted.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.scheme == "https"
    }

    /// Whether the client speaks plain HTTP to its own machine, which browsers trust like HTTPS.
    #[must_use]
    pub fn is_plain_loopback(&self) -> bool {
        let name = match self.host.strip_prefix('[') {
            Some(rest) => rest.split_once(']').map_or("", |(address, _)| address),
            None => self.host.split_once(':').map_or(self.host.as_str(), |(name, _)| name),
        };
        let name = name.to_ascii_lowercase();
        let local = name == "localhost" || name.ends_with(".localhost");
        !self.is_secure() && (local || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback()))
    }

    /// As browsers write it in `Origin` (RFC 6454, section 6.1): lower case, no default port.
    #[must_use]
    pub fn serialized(&self) -> String {
        let host = self.host.to_ascii_lowercase();
        let default = if self.is_secure() { ":443" } else { ":80" };
        let host = host.strip_suffix(default).or_else(|| host.strip_suffix(':')).unwrap_or(&host);
        format!("{}://{host}", self.scheme)
    }
}

/// The client's address: the peer, or where that is a trusted proxy, the nearest address in
/// `X-Forwarded-For` that is none. What a client writes there itself stands further left and is not
/// reached.
#[must_use]
pub fn client_address(request: &HttpRequest, proxies: &TrustedProxies) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip();
    if !proxies.trust(peer) {
        return Some(peer);
    }
    let lists = request.headers().get_all(HeaderName::from_static("x-forwarded-for"));
    let hops: Vec<&str> =
        lists.filter_map(|list| list.to_str().ok()).flat_map(|list| list.split(',')).collect();
    let mut nearest = peer;
    for hop in hops.into_iter().rev() {
        let Ok(address) = hop.trim().parse() else { break };
        nearest = address;
        if !proxies.trust(address) {
            break;
        }
    }
    Some(nearest)
}

/// The first of a header's comma-separated values: the one nearest to the client.
fn first<'a>(request: &'a HttpRequest, name: &HeaderName) -> Option<&'a str> {
    let value = request.headers().get(name)?.to_str().ok()?;
    value.split(',').next().map(str::trim).filter(|value| !value.is_empty())
}

/// A host name, IPv4 address or bracketed IPv6 address, perhaps with a port: what cannot break out
/// of a link (Django's `host_validation_re`).
fn is_host(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) => (address, rest.strip_prefix(':').or_else(|| rest.is_empty().then_some(""))),
        None => text.split_once(':').map_or((text, Some("")), |(host, port)| (host, Some(port))),
    };
    let bracketed = text.starts_with('[');
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    let allowed = |b: u8| if bracketed { b.is_ascii_hexdigit() || b":.".contains(&b) } else { plain(b) };
    (1..=255).contains(&host.len())
        && host.bytes().all(allowed)
        && port.is_some_and(|port| port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod client_address_tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn address(peer: &str, forwarded: &[&str]) -> String {
        let mut request = TestRequest::default().peer_addr(format!("{peer}:1").parse().unwrap());
        for value in forwarded {
            request = request.append_header(("X-Forwarded-For", *value));
        }
        client_address(&request.to_http_request(), &TrustedProxies::default()).unwrap().to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed_and_only_about_their_neighbour() {
        assert_eq!(address("203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
        assert_eq!(address("127.0.0.1", &[]), "127.0.0.1");
        assert_eq!(address("127.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(address("127.0.0.1", &["6.6.6.6, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(address("127.0.0.1", &["6.6.6.6", "198.51.100.1, 127.0.0.2"]), "198.51.100.1");
        assert_eq!(address("127.0.0.1", &["6.6.6.6, nonsense"]), "127.0.0.1");
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn origin(peer: &str, headers: &[(&str, &str)]) -> Result<String, StatusCode> {
        let request = TestRequest::default().peer_addr(format!("{peer}:4711").parse().unwrap());
        let request = headers.iter().fold(request, |request, header| request.insert_header(*header));
        let origin = Origin::of(&request.to_http_request(), &TrustedProxies::default());
        origin.map(|o| format!("{}://{}", o.scheme, o.host)).map_err(|problem| problem.status())
    }

    const HOST: (&str, &str) = ("host", "api.example:8000");
    const FORWARDED: [(&str, &str); 3] =
        [HOST, ("x-forwarded-proto", "https, http"), ("x-forwarded-host", "public.example, inner")];

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        for trusted in ["127.0.0.1", "127.9.9.9", "[::1]", "[::ffff:127.0.0.1]"] {
            assert_eq!(origin(trusted, &FORWARDED).unwrap(), "https://public.example", "{trusted}");
        }
        assert_eq!(origin("10.0.0.1", &FORWARDED).unwrap(), "http://api.example:8000");
    }

    #[test]
    fn an_odd_scheme_is_passed_over() {
        let odd = [HOST, ("x-forwarded-proto", "javascript")];
        assert_eq!(origin("127.0.0.1", &odd).unwrap(), "http://api.example:8000");
    }

    #[test]
    fn a_host_that_could_break_a_link_is_refused() {
        for bad in
            ["a b", "a/b", "a@b", "a\"b", "a?b", "a#b", "a:b", "[::1", "[zz]", "[::1]x", ":80", "a:123456"]
        {
            assert_eq!(origin("127.0.0.1", &[("host", bad)]), Err(StatusCode::BAD_REQUEST), "{bad}");
        }
        for good in ["localhost", "a.example:80", "10.0.0.1:8000", "[::1]:8000", "[::1]", "a_b", "a:"] {
            assert_eq!(origin("127.0.0.1", &[("host", good)]).unwrap(), format!("http://{good}"));
        }
    }

    #[test]
    fn only_plain_http_to_ones_own_machine_is_plain_loopback() {
        let origin = |scheme: &str, host: &str| Origin { scheme: scheme.into(), host: host.into() };
        for host in ["localhost", "LOCALHOST:8000", "a.localhost", "127.0.0.1:80", "127.8.8.8", "[::1]:8000"]
        {
            assert!(origin("http", host).is_plain_loopback(), "{host}");
            assert!(!origin("https", host).is_plain_loopback(), "{host}");
        }
        for host in
            ["10.0.0.1", "api.example", "localhost.example", "127.0.0.1.example", "[::2]", "128.0.0.1"]
        {
            assert!(!origin("http", host).is_plain_loopback(), "{host}");
        }
    }

    #[test]
    fn an_origin_is_written_as_browsers_write_it() {
        let written =
            |scheme: &str, host: &str| Origin { scheme: scheme.into(), host: host.into() }.serialized();
        assert_eq!(written("https", "API.example:443"), "https://api.example");
        assert_eq!(written("http", "api.example:80"), "http://api.example");
        assert_eq!(written("http", "api.example:443"), "http://api.example:443");
        assert_eq!(written("https", "[::1]:"), "https://[::1]");
    }

    #[test]
    fn proxies_are_networks_or_addresses() {
        let proxies: TrustedProxies = "10.0.0.0/8, 192.168.1.5,fd00::/8".parse().unwrap();
        assert!(proxies.trust([10, 255, 0, 1].into()) && proxies.trust([192, 168, 1, 5].into()));
        assert!(!proxies.trust([192, 168, 1, 6].into()) && !proxies.trust([127, 0, 0, 1].into()));
        assert_eq!(proxies.to_string(), "10.0.0.0/8,192.168.1.5/32,fd00::/8");
        assert!(!"none".parse::<TrustedProxies>().unwrap().trust([127, 0, 0, 1].into()));
        assert!(
            "10.0.0.0/33".parse::<TrustedProxies>().is_err() && "proxy".parse::<TrustedProxies>().is_err()
        );
    }
}
