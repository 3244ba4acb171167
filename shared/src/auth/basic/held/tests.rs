//! Keys and flights, against an issuer that counts its calls and answers when it is told to.

use std::{cell::Cell, rc::Rc, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::Semaphore,
    task::LocalSet,
};

use super::*;

fn presented(username: &str, password: &str) -> Presented {
    Presented {
        username: username.to_owned(),
        password: Secret::new(password.to_owned()),
        address: None,
        user_agent: String::new(),
    }
}

#[test]
fn each_pair_of_credentials_has_a_key_of_its_own() {
    let held = HeldTokens::new(Clock::System);
    let pairs = [("ada", "secret"), ("ada", "Secret"), ("adas", "ecret"), ("ad", "asecret"), ("", "")];
    let key = |(username, password)| held.key(&presented(username, password));
    for (i, one) in pairs.iter().enumerate() {
        for (j, other) in pairs.iter().enumerate() {
            assert_eq!(i == j, key(*one) == key(*other), "{one:?} {other:?}");
        }
    }
}

#[test]
fn the_keys_of_another_process_are_others() {
    let (one, other) = (HeldTokens::new(Clock::System), HeldTokens::new(Clock::System));
    let ada = presented("ada", "secret");
    assert!(one.key(&ada) != other.key(&ada));
    assert!(one.key(&ada) == one.clone().key(&ada));
}

/// Answers every call with this body, once for each permit, and counts.
struct Counting {
    issuer: Issuer,
    calls: Rc<Cell<usize>>,
    gate: Rc<Semaphore>,
}

async fn issuer(body: &'static str) -> Counting {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let issuer = Issuer::http(url, Some(Secret::new("of no interest here".to_owned()))).unwrap();
    let (calls, gate) = (Rc::new(Cell::new(0)), Rc::new(Semaphore::new(0)));
    let (counted, opened) = (Rc::clone(&calls), Rc::clone(&gate));
    tokio::task::spawn_local(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            counted.set(counted.get() + 1);
            opened.acquire().await.unwrap().forget();
            assert!(stream.read(&mut [0; 4096]).await.unwrap() > 0);
            let head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length:";
            let answer = format!("{head} {}\r\n\r\n{body}", body.len());
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    Counting { issuer, calls, gate }
}

/// So many at once, on one thread: all have asked before anybody is answered.
async fn obtain_at_once(held: &HeldTokens, counting: &Counting, count: usize) -> Vec<Outcome> {
    let asking = (0..count).map(|_| async {
        let ada = presented("ada", "secret");
        held.obtain(&held.key(&ada), &counting.issuer, &ada).await
    });
    let opening = async { counting.gate.add_permits(1) };
    tokio::join!(futures_util::future::join_all(asking), opening).0
}

#[tokio::test]
async fn a_refusal_is_shared_by_those_who_wait_for_it_and_by_nobody_after() {
    let test = async {
        let held = HeldTokens::new(Clock::System);
        let counting = issuer("\"refused\"").await;
        for calls in 1..=2 {
            let outcomes = obtain_at_once(&held, &counting, 50).await;
            assert_eq!(outcomes, vec![Err(Denied::Refused); 50]);
            assert_eq!(counting.calls.get(), calls);
        }
    };
    LocalSet::new().run_until(test).await;
}

#[tokio::test]
async fn one_token_is_shared_until_its_time() {
    let test = async {
        let clock = Clock::manual(Timestamp::from_secs(1_800_000_000));
        let held = HeldTokens::new(clock.clone());
        let counting = issuer(r#"{"token": {"access": "a.b.c", "expires_in": 3600}}"#).await;
        for calls in 1..=2 {
            let outcomes = obtain_at_once(&held, &counting, 50).await;
            let first = outcomes[0].clone().unwrap();
            assert!(outcomes.iter().all(|o| o.as_ref().is_ok_and(|token| Arc::ptr_eq(token, &first))));
            clock.advance(store::LONGEST.saturating_sub(Duration::from_micros(1)));
            let ada = presented("ada", "secret");
            let again = held.obtain(&held.key(&ada), &counting.issuer, &ada).await;
            assert!(again.is_ok_and(|token| Arc::ptr_eq(&token, &first)));
            assert_eq!(counting.calls.get(), calls);
            clock.advance(Duration::from_micros(1));
        }
    };
    LocalSet::new().run_until(test).await;
}

#[tokio::test]
async fn an_exchange_that_breaks_off_decides_nothing_and_makes_room_for_the_next() {
    let held = HeldTokens::new(Clock::System);
    let key = held.key(&presented("ada", "secret"));
    let Boarded::First(mut landing, flight) = held.board(&key) else { panic!("nobody flies yet") };
    assert!(matches!(held.board(&key), Boarded::Waiting(_)));
    drop(flight);
    assert!(landing.wait_for(Option::is_some).await.is_err());
    assert!(matches!(held.board(&key), Boarded::First(..)));
}
