//! Random histories of a session at two servers on one database, held against the counter model.
//!
//! The servers are the real ones, in this process for the sake of a clock that can be moved.

use std::{cell::RefCell, collections::BTreeMap, time::Duration};

use anyhow::ensure;
use auth_service::sealing::SealingKeys;
use e2e::{Actor, Answer, Server, session_of};
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};
use serde_json::Value;
use shared::{Clock, Timestamp, db::testing::TestDb};

use crate::{
    blacklist, blacklisted,
    model::{Event, Expected, GRACE, Model, REFRESH_LIFETIME, SESSION_LIFETIME, histories},
};

/// The seed of the histories, so that a failure can be had again. `PROPTEST_RNG_SEED` replaces it and
/// `PROPTEST_CASES` asks for more histories than the 256 that are usual, for whoever wants to search.
const SEED: u64 = 20_261_123;

/// Two servers on one database.
struct World {
    servers: [Server; 2],
    clock: Clock,
    /// How often each answer was due.
    due: RefCell<BTreeMap<Expected, usize>>,
    _database: TestDb,
}

impl World {
    async fn start() -> anyhow::Result<Self> {
        let database = TestDb::empty()?;
        let clock = Clock::manual(Timestamp::from_secs(1_795_444_848));
        let (url, key) = (database.url.secret_text(), SealingKeys::generate());
        let lifetimes = [REFRESH_LIFETIME, SESSION_LIFETIME, GRACE].map(|seconds| format!("{seconds}s"));
        let settings = [
            ("AUTH_DATABASE_URL", url.as_str()),
            ("AUTH_KEY_ENCRYPTION_KEY", key.as_str()),
            ("AUTH_REFRESH_TOKEN_LIFETIME", lifetimes[0].as_str()),
            ("AUTH_SESSION_LIFETIME", lifetimes[1].as_str()),
            ("AUTH_REFRESH_GRACE", lifetimes[2].as_str()),
        ];
        let servers =
            [Server::with(&settings, clock.clone()).await?, Server::with(&settings, clock.clone()).await?];
        servers[0].user("ada").await?;
        Ok(Self { servers, clock, due: RefCell::default(), _database: database })
    }

    async fn play(&self, history: &[Event]) -> anyhow::Result<()> {
        let ada = self.servers[0].login("ada").await?;
        let first = ada.refresh.unwrap_or_default();
        let mut played = Played {
            world: self,
            actors: self.servers.each_ref().map(Server::anonymous),
            model: Model::new(),
            began: self.clock.now(),
            tokens: vec![first],
            newest: String::new(),
        };
        for (index, event) in history.iter().enumerate() {
            let done = played.step(*event).await;
            done.map_err(|wrong| wrong.context(format!("event {index}, {event:?}, of {:?}", played.model)))?;
        }
        Ok(())
    }
}

/// A session in the middle of its history.
struct Played<'a> {
    world: &'a World,
    actors: [Actor; 2],
    model: Model,
    began: Timestamp,
    /// The refresh token of each generation.
    tokens: Vec<String>,
    /// The newest answer with a pair.
    newest: String,
}

impl Played<'_> {
    async fn step(&mut self, event: Event) -> anyhow::Result<()> {
        match event {
            Event::Pass { seconds } => {
                self.world.clock.advance(Duration::from_secs(seconds.into()));
                self.model.pass(seconds);
            }
            Event::Refresh { back, at } => {
                let token = self.model.behind(back);
                let expected = self.model.refresh(token);
                let answer = self.actors[at].refresh_with(&self.tokens[token]).await?;
                self.judge(expected, &answer)?;
            }
            Event::Race { back } => {
                let token = self.model.behind(back);
                let expected = [self.model.refresh(token), self.model.refresh(token)];
                let [one, other] =
                    self.actors.each_ref().map(|actor| actor.refresh_with(&self.tokens[token]));
                // Whichever comes first: both answers are the same.
                let (one, other) = tokio::try_join!(one, other)?;
                self.judge(expected[0], &one)?;
                self.judge(expected[1], &other)?;
            }
            Event::Blacklist { back, at } => {
                let token = self.model.behind(back);
                let expected = self.model.blacklist(token);
                let answer = blacklist(&self.actors[at], &self.tokens[token]).await?;
                self.judge(expected, &answer)?;
            }
        }
        self.compare_row().await
    }

    fn judge(&mut self, expected: Expected, answer: &Answer) -> anyhow::Result<()> {
        *self.world.due.borrow_mut().entry(expected).or_default() += 1;
        match expected {
            Expected::NewPair => {
                ensure!(answer.status == 200, "a new pair was due: {answer:?}");
                let token = answer.text_of("refresh")?;
                ensure!(!self.tokens.contains(&token), "an old token as a new one: {answer:?}");
                self.tokens.push(token);
                answer.text.clone_into(&mut self.newest);
            }
            Expected::SamePair => {
                let told = (answer.status, &answer.text);
                ensure!(told == (200, &self.newest), "{:?} was due again: {answer:?}", self.newest);
            }
            Expected::Ended => {
                ensure!(
                    (answer.status, &answer.json) == (200, &Value::Object(serde_json::Map::new())),
                    "{answer:?}"
                );
            }
            Expected::Blacklisted => blacklisted(answer)?,
            Expected::Expired => {
                ensure!((answer.status, answer.detail()) == (401, "Token is expired"), "{answer:?}");
            }
        }
        Ok(())
    }

    async fn compare_row(&self) -> anyhow::Result<()> {
        let id = session_of(&self.tokens[0])?;
        let read = move |conn: &mut _| auth_service::store::sessions::find(conn, id);
        let row = self.world.servers[0].stack.auth.db().read(read).await?;
        let row = row.ok_or_else(|| anyhow::anyhow!("the row is gone"))?;
        let is = (
            usize::try_from(row.generation)?,
            row.rotated_at.as_secs() - self.began.as_secs(),
            row.revoked_reason.as_deref(),
        );
        let should = (self.model.generation(), self.model.rotated_at, self.model.ended);
        ensure!(is == should, "the row is {is:?} and should be {should:?}");
        Ok(())
    }
}

#[test]
fn every_history_of_a_session_goes_as_the_counter_says() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let world = runtime.block_on(World::start())?;
    let mut config = Config { failure_persistence: None, ..Config::default() };
    config.cases = config.cases.max(256);
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(SEED);
    }
    let seed = config.rng_seed;
    let run = TestRunner::new(config).run(&histories(), |history| {
        let played = runtime.block_on(world.play(&history));
        played.map_err(|wrong| TestCaseError::fail(format!("{wrong:#}")))
    });
    assert!(
        run.is_ok(),
        "PROPTEST_RNG_SEED={seed}: {}",
        run.err().map(|e| e.to_string()).unwrap_or_default()
    );
    let due = world.due.borrow();
    for expected in
        [Expected::NewPair, Expected::SamePair, Expected::Ended, Expected::Blacklisted, Expected::Expired]
    {
        assert!(due.get(&expected).is_some_and(|times| *times >= 20), "the histories are too tame: {due:?}");
    }
    let _entered = runtime.enter();
    drop(due);
    drop(world);
    Ok(())
}
