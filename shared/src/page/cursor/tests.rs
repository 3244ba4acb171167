use super::*;
use crate::page::Query;

const PAGING: Paging = Paging { size: 2, size_param: Some("page_size"), max_size: Some(50) };

fn key() -> CursorKey {
    CursorKey::new(b"a secret of thirty-two characters")
}

fn list<'a>(key: &'a CursorKey, query: &'a Query, (path, view): (&'a str, &'a str)) -> CursorList<'a> {
    let location = Location { scheme: "http", host: "h", path, query };
    CursorList { key, location, paging: PAGING, view }
}

/// What a database would do with the rows 1 to `rows`.
fn fetch(request: &CursorRequest, rows: i64) -> Cut<i64> {
    let from: Option<i64> = request.position().map(|values| values[0].parse().unwrap());
    let ahead = |row: &i64| match (from, request.backwards()) {
        (None, _) => true,
        (Some(from), false) => *row > from,
        (Some(from), true) => *row < from,
    };
    let mut found: Vec<i64> = (1..=rows).filter(ahead).collect();
    if request.backwards() {
        found.reverse();
    }
    found.truncate(usize::try_from(request.limit()).unwrap());
    request.cut(found, |row| vec![row.to_string()])
}

/// The page that a link's query string asks for, of a list of so many rows.
fn page(query: &str, rows: i64) -> CursorPage<i64> {
    let (key, query) = (key(), Query::parse(query));
    let list = list(&key, &query, ("/", ""));
    list.page(fetch(&list.request().unwrap().unwrap(), rows))
}

fn query_of(link: &str) -> &str {
    link.split_once('?').unwrap().1
}

#[test]
fn a_list_reads_the_same_forwards_and_backwards() {
    for rows in 0..8 {
        let mut seen = Vec::new();
        let mut at = page("cursor=&page=7", rows);
        assert_eq!(at.previous, None);
        loop {
            seen.push(at.results.clone());
            let Some(next) = at.next else { break };
            assert!(!next.contains("page="), "{next}");
            at = page(query_of(&next), rows);
        }
        assert_eq!(seen.concat(), (1..=rows).collect::<Vec<_>>());
        let mut back = vec![at.results];
        let mut previous = at.previous;
        while let Some(link) = previous {
            let at = page(query_of(&link), rows);
            assert!(at.next.is_some());
            back.insert(0, at.results);
            previous = at.previous;
        }
        assert_eq!(back, seen);
    }
}

#[test]
fn from_a_page_that_has_become_empty_one_gets_back() {
    let first = page("cursor=", 4);
    let empty = page(query_of(&first.next.unwrap()), 2);
    assert_eq!((empty.results.len(), empty.next), (0, None));
    let back = page(query_of(&empty.previous.unwrap()), 2);
    assert_eq!((back.results, back.next, back.previous), (vec![1, 2], None, None));
}

#[test]
fn a_cursor_works_for_its_list_and_nowhere_else() {
    let key = key();
    let query = |text: &str| Query::parse(text);
    let made_for = query("cursor=&ordering=name&a=1&a=2");
    let cursor = Cursor { backwards: false, position: Some(vec!["名\u{202e}\"\\".to_owned()]) };
    let sealed = list(&key, &made_for, ("/list/", "7")).seal(&cursor);
    let opens = |text: &str, place: (&str, &str)| {
        let query = query(&format!("{text}&cursor={sealed}"));
        list(&key, &query, place).request().map(|request| request.unwrap().cursor)
    };
    let here = ("/list/", "7");
    for same in ["a=1&ordering=name&a=2", "ordering=name&a=1&a=2&page_size=7&page=3"] {
        assert_eq!(opens(same, here), Ok(cursor.clone()), "{same}");
    }
    assert_eq!(opens("ordering=name&a=1&a=2", ("/list", "7")), Ok(cursor.clone()));
    for other in ["ordering=-name&a=1&a=2", "a=1&a=2", "ordering=name&a=2&a=1", "ordering=name&a=1&a=2&b="] {
        assert_eq!(opens(other, here), Err(InvalidCursor), "{other}");
    }
    for place in [("/other/", "7"), ("/list/", "8"), ("/list", ""), ("/list/7", "")] {
        assert_eq!(opens("ordering=name&a=1&a=2", place), Err(InvalidCursor), "{place:?}");
    }
    let other_key = CursorKey::new(b"another secret of thirty-two bytes");
    let asked = query(&format!("ordering=name&a=1&a=2&cursor={sealed}"));
    assert!(list(&other_key, &asked, here).request().is_err());
}

#[test]
fn a_cursor_that_was_tampered_with_is_refused() {
    let key = key();
    let plain = Query::parse("cursor=");
    let cursor = Cursor { backwards: true, position: Some(vec!["5".to_owned()]) };
    let sealed = list(&key, &plain, ("/", "")).seal(&cursor);
    let open = |text: &str| {
        let query = Query(vec![(PARAMETER.to_owned(), text.to_owned())]);
        list(&key, &query, ("/", "")).request().map(drop)
    };
    assert_eq!(open(&sealed), Ok(()));
    for place in 0..sealed.len() {
        let mut bytes = sealed.clone().into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        let tampered = String::from_utf8(bytes).unwrap();
        assert_eq!(open(&tampered), Err(InvalidCursor), "{place}");
        assert_eq!(open(&sealed[..place]).is_err(), place > 0, "{place}");
    }
    let unsigned = URL_SAFE_NO_PAD.encode([&[0; SIGNATURE][..], br#"{"b":false,"p":null}"#].concat());
    for odd in [&unsigned, "%00", "\0", "名", "=", "null", &format!("{sealed}="), &"A".repeat(100_000)] {
        assert_eq!(open(odd), Err(InvalidCursor), "{odd:.40}");
    }
}

#[test]
fn the_key_does_not_show() {
    assert_eq!(format!("{:?}", key()), "CursorKey(<redacted>)");
}
