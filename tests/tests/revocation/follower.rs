//! [`Follower`]: reads the feed as any program could, and keeps what came in the order it came.

use std::time::Duration;

use anyhow::Context as _;
use e2e::{Cluster, Node};
use serde_json::Value;

/// Place, kind and key of an entry.
pub(crate) type Told = (i64, String, String);

/// One connection to the feed.
#[derive(Debug)]
pub(crate) struct Follower {
    response: reqwest::Response,
    buffer: Vec<u8>,
    /// Every entry, when it came first.
    pub(crate) entries: Vec<Told>,
    /// Place and entries before it, for every `head`.
    heads: Vec<(i64, usize)>,
}

impl Follower {
    /// Follows from the beginning.
    pub(crate) async fn begin(cluster: &Cluster, auth: &Node) -> anyhow::Result<Self> {
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build()?;
        let request = client.get(format!("{}/internal/revocations/", auth.management));
        let response =
            request.header("X-Service-Secret", cluster.secret()).send().await?.error_for_status()?;
        Ok(Self { response, buffer: Vec::new(), entries: Vec::new(), heads: Vec::new() })
    }

    /// Reads until the feed has said that nothing up to `seq` is missing.
    pub(crate) async fn read_up_to(&mut self, seq: i64, limit: Duration) -> anyhow::Result<()> {
        let reading = async {
            while self.heads.last().is_none_or(|(head, _)| *head < seq) {
                let bytes = self.response.chunk().await?.context("the stream has ended")?;
                self.buffer.extend_from_slice(&bytes);
                self.take_events()?;
            }
            Ok(())
        };
        let read = tokio::time::timeout(limit, reading).await;
        read.with_context(|| format!("not within {limit:?}: the feed up to {seq}"))?
    }

    /// Demands that the entries were in order when they came first, without a gap, and that every `head` came
    /// after all it vouches for.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let places: Vec<i64> = self.entries.iter().map(|(seq, ..)| *seq).collect();
        let expected: Vec<i64> = (1..).take(places.len()).collect();
        anyhow::ensure!(places == expected, "{places:?}");
        for (head, before) in &self.heads {
            anyhow::ensure!(i64::try_from(*before)? >= *head, "head {head} after {before} entries");
        }
        Ok(())
    }

    fn take_events(&mut self) -> anyhow::Result<()> {
        while let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\n\n") {
            let event: Vec<u8> = self.buffer.drain(..end + 2).collect();
            let event = String::from_utf8(event)?;
            let field =
                |name: &str| event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            let data: Value = serde_json::from_str(field("data: "))?;
            match field("event: ") {
                "entries" => self.take(&data["lines"])?,
                "head" => self.heads.push((data["seq"].as_i64().context("a place")?, self.entries.len())),
                _ => {}
            }
        }
        Ok(())
    }

    /// What was read from the database may come once more as news: the same entries, in the same order.
    fn take(&mut self, lines: &Value) -> anyhow::Result<()> {
        for line in lines.as_array().into_iter().flatten() {
            let text = |place: usize| line[place].as_str().unwrap_or_default().to_owned();
            let entry = (line[0].as_i64().context("a place")?, text(1), text(2));
            match self.entries.iter().find(|known| known.0 == entry.0) {
                Some(known) => anyhow::ensure!(*known == entry, "{entry:?} after {known:?}"),
                None => self.entries.push(entry),
            }
        }
        Ok(())
    }
}
