//! A million live revocations: the time until a validator has them all, the memory that they take, and
//! the throughput that is left, against the same services with none.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use e2e::{Actor, Cluster, Node};
use shared::{issuer::SERVICE_SECRET_HEADER, random, revocation::wire::PATH};

use crate::{
    MACHINE, NODE, Size, insertion,
    rounds::{Side, compare},
    size::setting,
};

/// One auth service with its validators.
struct World {
    cluster: Cluster,
    secret: String,
    auth: Node,
    /// What the auth service took to start.
    auth_start: Duration,
}

/// What a validator took.
#[derive(Debug, Clone, Copy)]
struct Started {
    /// From its start until it serves.
    ready: Duration,
    /// Memory then.
    resident: u64,
}

impl World {
    async fn with(entries: u32) -> anyhow::Result<Self> {
        let secret = random::hex32();
        let settings = [("AUTH_ACCESS_TOKEN_LIFETIME", "1h"), ("LOG", "warn"), ("SERVICE_SECRET", &secret)];
        let cluster = Cluster::with(NODE, &settings)?;
        insertion::insert(&cluster.auth_db, entries).await?;
        let began = Instant::now();
        let auth = cluster.auth().await?;
        let auth_start = began.elapsed();
        cluster.user("ada").await?;
        Ok(Self { cluster, secret, auth, auth_start })
    }

    /// Reads the snapshot and does nothing with it; gives its size and how long it took.
    async fn read_snapshot(&self) -> anyhow::Result<(usize, Duration)> {
        let began = Instant::now();
        let url = format!("{}{PATH}", self.auth.management);
        let client = reqwest::Client::builder().no_proxy().build()?;
        let request = client.get(url).header(SERVICE_SECRET_HEADER, &self.secret);
        let mut response = request.send().await?.error_for_status()?;
        let (mut size, mut end) = (0, Vec::new());
        // The head ends the snapshot, and nothing comes for a second after it.
        while !end.windows(12).any(|part| part == b"event: head\n") {
            let chunk = response.chunk().await?.context("the stream ended")?;
            size += chunk.len();
            end.extend_from_slice(chunk.get(chunk.len().saturating_sub(256)..).unwrap_or_default());
            end.drain(..end.len().saturating_sub(256));
        }
        Ok((size, began.elapsed()))
    }

    async fn start_validator(&self) -> anyhow::Result<(Node, Started)> {
        let began = Instant::now();
        let node = self.cluster.org(&self.auth).await?;
        let started = Started { ready: began.elapsed(), resident: node.usage()?.resident };
        Ok((node, started))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_million_live_revocations_are_soon_known_and_small_and_slow_nothing_down() -> anyhow::Result<()> {
    let _machine = MACHINE.write().await;
    let size = Size::chosen()?;
    let (full, empty) = (World::with(size.entries).await?, World::with(0).await?);
    let (_, alone) = empty.start_validator().await?;
    // Once to fill the database's caches, as a validator that starts beside others finds them.
    full.read_snapshot().await?;
    let (bytes, snapshot) = full.read_snapshot().await?;
    let (node, laden) = full.start_validator().await?;
    let known = metric(&node, "revocation_entries").await?;
    ensure!(known == size.entries.to_string(), "{known} of {} entries are known", size.entries);

    let loaded = laden.ready.saturating_sub(alone.ready);
    let memory = laden.resident.saturating_sub(alone.resident);
    println!(
        "{} live revocations ({}):\n  \
         auth service ready after {:.2?} (with none {:.2?}); snapshot of {:.1} MB sent in {:.2?}\n  \
         validator ready after {:.2?} (with none {:.2?}): {:.2?} more (bound {:?})\n  \
         memory {:.1} MB beside {:.1} MB: {:.1} MB more (bound {:.0} MB)",
        size.entries,
        setting()?,
        full.auth_start,
        empty.auth_start,
        megabytes(u64::try_from(bytes)?),
        snapshot,
        laden.ready,
        alone.ready,
        loaded,
        size.snapshot,
        megabytes(laden.resident),
        megabytes(alone.resident),
        megabytes(memory),
        megabytes(size.memory),
    );
    ensure!(loaded <= size.snapshot, "the snapshot takes {loaded:?} > {:?}", size.snapshot);
    ensure!(memory <= size.memory, "{memory} bytes > {}", size.memory);
    drop(node);
    throughput(&full, &empty, &size).await
}

/// Of a service that looks at nothing but the token.
async fn throughput(full: &World, empty: &World, size: &Size) -> anyhow::Result<()> {
    let laden = full.cluster.protected(&full.auth).await?;
    let alone = empty.cluster.protected(&empty.auth).await?;
    let [one, other] = [log_in(full).await?, log_in(empty).await?];
    let (mut one, mut other) = (Side::new(&laden, &one), Side::new(&alone, &other));
    let (laden, alone, part) = compare(&mut one, &mut other, size).await?;
    let cpu = laden.cpu.as_secs_f64() / alone.cpu.as_secs_f64();
    println!(
        "  {:.0} requests/s beside {:.0} with none: {part:.3} (bound {}); \
         {:.1?} of processor time per request beside {:.1?}: {cpu:.3} (bound {})",
        laden.rate, alone.rate, size.throughput, laden.cpu, alone.cpu, size.cpu,
    );
    ensure!(part >= size.throughput, "{part:.3} of the throughput without entries");
    ensure!(cpu <= size.cpu, "{cpu:.3} of the processor time without entries");
    Ok(())
}

async fn log_in(world: &World) -> anyhow::Result<String> {
    world.cluster.login(&world.auth, "ada").await?.access.context("a token")
}

/// A figure that a service shows at `/metrics`.
async fn metric(node: &Node, name: &str) -> anyhow::Result<String> {
    let shown = Actor::new(&node.management).get("/metrics").await?.text;
    let line = shown.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    Ok(line.with_context(|| format!("no {name} in {shown}"))?.to_owned())
}

#[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}
