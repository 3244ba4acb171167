//! Against an auth service that answers, fails and hangs as it is told to.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use actix_web::{App, HttpResponse, HttpServer, web};
use shared::{
    Secret,
    db::testing::TestDb,
    issuer::{PROFILES_PATH, ProfilesAnswer, ProfilesQuestion},
};

use super::*;
use crate::{
    migrations,
    store::{
        memberships::{self, Membership},
        organizations::OrgId,
    },
};

const ANSWERS: u8 = 0;
const FAILS: u8 = 1;
const HANGS: u8 = 2;

/// What the auth service does, how often it was asked, and what users are called at the moment.
#[derive(Debug, Default)]
struct Auth {
    does: AtomicU8,
    asked: AtomicUsize,
    name: Mutex<String>,
}

async fn tell(auth: web::Data<Auth>, question: web::Json<ProfilesQuestion>) -> HttpResponse {
    auth.asked.fetch_add(1, Ordering::SeqCst);
    match auth.does.load(Ordering::SeqCst) {
        FAILS => return HttpResponse::InternalServerError().finish(),
        HANGS => tokio::time::sleep(Duration::from_secs(60)).await,
        _ => {}
    }
    let name = auth.name.lock().unwrap().clone();
    let known = question.into_inner().user_ids.into_iter().filter(|id| id != "nobody");
    let users = known.map(|user_id| issuer::Profile {
        username: format!("{name} {user_id}"),
        email: format!("{user_id}@example.org"),
        email_verified: true,
        first_name: String::new(),
        last_name: String::new(),
        is_active: true,
        user_id,
    });
    HttpResponse::Ok().json(ProfilesAnswer { users: users.collect() })
}

struct World {
    auth: web::Data<Auth>,
    test: TestDb,
    clock: Clock,
    profiles: Profiles,
}

async fn world() -> World {
    let auth = web::Data::new(Auth { name: Mutex::new("Ada".into()), ..Auth::default() });
    let shown = auth.clone();
    let server = HttpServer::new(move || {
        App::new().app_data(shown.clone()).route(PROFILES_PATH, web::post().to(tell))
    });
    let server = server.workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
    let url = format!("http://{}", server.addrs()[0]).parse().unwrap();
    actix_web::rt::spawn(server.run());
    let test = TestDb::new(migrations()).await.unwrap();
    let clock = Clock::manual(Timestamp::from_secs(1_795_444_848));
    let secret = Secret::new("a secret of thirty-two characters".to_owned());
    let issuer = Issuer::http(url, Some(secret)).unwrap();
    let profiles = Profiles::new(test.db.clone(), clock.clone(), Some(issuer));
    World { auth, test, clock, profiles }
}

impl World {
    fn does(&self, what: u8) {
        self.auth.does.store(what, Ordering::SeqCst);
    }

    fn asked(&self) -> usize {
        self.auth.asked.load(Ordering::SeqCst)
    }

    fn call_them(&self, name: &str) {
        name.clone_into(&mut self.auth.name.lock().unwrap());
    }

    /// What users are called; those of whom nothing is known: nothing.
    async fn names(&self, ids: &[&str]) -> Vec<String> {
        let found = self.profiles.of(ids.iter().map(|id| (*id).to_owned()).collect()).await;
        let name = |id: &&str| found.get(*id).map(|profile| profile.username.clone()).unwrap_or_default();
        ids.iter().map(name).collect()
    }

    async fn member(&self, user_id: &str) -> OrgId {
        let now = self.clock.now();
        let org_id = OrgId::new(now);
        let member = Membership {
            org_id,
            user_id: user_id.to_owned(),
            role: "member".to_owned(),
            created_at: now,
            updated_at: now,
        };
        assert!(self.test.db.transaction(|conn| memberships::insert(conn, member)).await.unwrap());
        org_id
    }

    async fn stored(&self, user_id: &str) -> Option<Profile> {
        let ids = vec![user_id.to_owned()];
        self.test.db.read(|conn| profiles::find(conn, ids)).await.unwrap().pop()
    }
}

#[actix_web::test]
async fn a_page_of_users_is_one_call_and_fresh_for_five_minutes() {
    let world = world().await;
    let ids: Vec<String> = (0..100).map(|id| id.to_string()).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    assert!(world.names(&ids).await.iter().all(|name| !name.is_empty()));
    assert_eq!(world.asked(), 1);
    world.call_them("Bea");
    world.clock.advance(FRESH.saturating_sub(Duration::from_secs(1)));
    assert_eq!(world.names(&["7", "8"]).await, ["Ada 7", "Ada 8"]);
    assert_eq!(world.asked(), 1);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.names(&["7", "new"]).await, ["Bea 7", "Bea new"]);
    assert_eq!(world.asked(), 2);
}

#[actix_web::test]
async fn whom_nobody_knows_is_not_asked_for_again_at_once() {
    let world = world().await;
    assert_eq!(world.names(&["nobody"]).await, [""]);
    assert_eq!(world.names(&["nobody"]).await, [""]);
    assert_eq!(world.asked(), 1);
}

#[actix_web::test]
async fn an_absent_auth_service_costs_little_and_what_was_known_is_shown() {
    let world = world().await;
    assert_eq!(world.names(&["1"]).await, ["Ada 1"]);
    world.clock.advance(FRESH);
    for absence in [FAILS, HANGS] {
        world.does(absence);
        let before = world.asked();
        let started = std::time::Instant::now();
        for _ in 0..20 {
            assert_eq!(world.names(&["1", "2"]).await, ["Ada 1", ""]);
        }
        assert_eq!(world.asked(), before + 1, "the others did not ask");
        assert!(started.elapsed() < PATIENCE * 4, "{:?}", started.elapsed());
        world.clock.advance(PAUSE);
    }
    world.does(ANSWERS);
    assert_eq!(world.names(&["1", "2"]).await, ["Ada 1", "Ada 2"]);
}

#[actix_web::test]
async fn new_members_get_a_profile_and_former_ones_lose_theirs() {
    let world = world().await;
    let org_id = world.member("1").await;
    assert_eq!(world.stored("1").await.unwrap().username, "");
    world.profiles.renew().await.unwrap();
    assert_eq!(world.stored("1").await.unwrap().username_key, "ada 1");
    world.profiles.renew().await.unwrap();
    assert_eq!(world.asked(), 1, "it is as fresh as it needs to be");
    world.clock.advance(OLDEST + Duration::from_secs(1));
    world.call_them("Béa");
    world.profiles.renew().await.unwrap();
    assert_eq!(world.stored("1").await.unwrap().username_key, "béa 1");
    world.test.db.write(move |conn| memberships::delete(conn, org_id, "1")).await.unwrap();
    world.clock.advance(OLDEST + Duration::from_secs(1));
    world.profiles.renew().await.unwrap();
    assert_eq!(world.stored("1").await, None);
}

#[actix_web::test]
async fn without_an_auth_service_nothing_is_known_and_nothing_fails() {
    let world = world().await;
    let alone = Profiles::new(world.test.db.clone(), world.clock.clone(), None);
    assert!(alone.of(vec!["1".into()]).await.is_empty());
    alone.renew().await.unwrap();
    assert_eq!(world.asked(), 0);
}

#[test]
fn a_copy_does_not_show_who_it_is() {
    let profile = Profile { username: "ada".into(), ..Profile::empty("7".into(), Timestamp::from_secs(0)) };
    assert!(!format!("{profile:?}").contains("ada"));
}
