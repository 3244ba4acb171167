//! A database with so many rows, and what requests do with it.

use std::collections::HashMap;

use diesel::QueryDsl;
use shared::{
    DbConnection, Timestamp,
    db::testing::TestDb,
    page::{
        CursorKey, CursorList, CursorRequest, Cut, Location, Order, PageRequest, Paging, Query, ordering,
    },
};

use super::{
    filling::{fill, id},
    plans,
};
use crate::{
    migrations,
    store::{
        memberships::{self, Filter as MemberFilter, Membership},
        organizations::{self, Filter, Name, Organization},
        profiles,
        tallies::{self, List},
    },
    visibility::Scope,
};

const PAGING: Paging = Paging { size: 5, size_param: None, max_size: None };
/// Among few rows the last page but a few is the deepest.
const DEEP: i64 = 1000;

/// The orders that are measured.
const ORDERS: [&str; 3] = ["", "-name", "role"];

pub(super) struct World {
    conn: DbConnection,
    _test: TestDb,
    rows: i64,
    /// Pages by list, depth and order.
    pages: HashMap<(&'static str, &'static str, &'static str), CursorRequest>,
}

fn orders(order: &str, allowed: &[&'static str]) -> Vec<Order> {
    ordering(&Query::parse(&format!("ordering={order}")), allowed)
}

/// The request of a page, by the query string of its link.
fn request(query: &str) -> CursorRequest {
    with_list(query, |list| list.request().unwrap().unwrap())
}

fn with_list<T>(query: &str, work: impl FnOnce(CursorList<'_>) -> T) -> T {
    let (key, query) = (CursorKey::new(&[7; 32]), Query::parse(query));
    let location = Location { scheme: "http", host: "h", path: "/", query: &query };
    work(CursorList { key: &key, location, paging: PAGING, view: "" })
}

/// Follows links from the first page on.
fn walk<T>(pages: i64, mut fetch: impl FnMut(&CursorRequest) -> Cut<T>) -> CursorRequest {
    let mut query = "cursor=".to_owned();
    for _ in 1..pages {
        let cut = fetch(&request(&query));
        let next = with_list(&query, |list| list.page(cut).next).unwrap();
        next.split_once('?').unwrap().1.clone_into(&mut query);
    }
    request(&query)
}

impl World {
    pub(super) async fn new(rows: i64) -> Self {
        let test = TestDb::new(migrations()).await.unwrap();
        let mut conn = test.db.dedicated().unwrap();
        fill(&mut conn, rows);
        let mut world = Self { conn, _test: test, rows, pages: HashMap::new() };
        let now = Timestamp::from_secs(1_795_444_848);
        for list in [List::Organizations, List::Members(id(1))] {
            let size = list.count(&mut world.conn).unwrap();
            assert_eq!(size / rows, 1);
            tallies::keep(&mut world.conn, list, size, now).unwrap();
        }
        let deep = DEEP.min(rows / PAGING.size - 1);
        for (depth, pages) in [("first", 1), ("deep", deep)] {
            for order in ORDERS {
                let organizations = walk(pages, |page| world.organizations_on(page, order));
                let members = walk(pages, |page| world.members_on(page, order));
                world.pages.insert(("organizations", depth, order), organizations);
                world.pages.insert(("members", depth, order), members);
            }
        }
        world
    }

    fn organizations_on(&mut self, page: &CursorRequest, order: &str) -> Cut<Organization> {
        let (scope, filter) = (Scope::Everything, Filter::default());
        let by = orders(order, &organizations::ORDERINGS);
        organizations::list_from(&mut self.conn, &scope, &filter, &by, page).unwrap().unwrap()
    }

    fn members_on(&mut self, page: &CursorRequest, order: &str) -> Cut<Membership> {
        let filter = MemberFilter::default();
        let by = orders(order, &memberships::ORDERINGS);
        memberships::list_from(&mut self.conn, id(1), &filter, &by, page).unwrap().unwrap()
    }

    fn page(&self, list: &'static str, depth: &'static str, order: &'static str) -> CursorRequest {
        self.pages[&(list, depth, order)].clone()
    }

    pub(super) fn organizations(&mut self, depth: &'static str, order: &'static str) {
        let page = self.page("organizations", depth, order);
        assert_eq!(self.organizations_on(&page, order).rows().len(), 5);
    }

    pub(super) fn members(&mut self, depth: &'static str, order: &'static str) {
        let page = self.page("members", depth, order);
        self.enter();
        let cut = self.members_on(&page, order);
        self.show(cut.rows());
    }

    /// What a request asks before it lists members.
    fn enter(&mut self) {
        // The last of all members, so that an index read from its beginning shows.
        let user_id = format!("m{}", self.rows);
        let found = organizations::find_with_role(&mut self.conn, &Name::Id(id(1)), &user_id).unwrap();
        assert_eq!(found.unwrap().1.unwrap().name, "admin");
    }

    /// And after it.
    fn show(&mut self, members: &[Membership]) {
        assert_eq!(members.len(), 5);
        let user_ids = members.iter().map(|member| member.user_id.clone()).collect();
        assert!(profiles::find(&mut self.conn, user_ids).unwrap().is_empty());
    }

    pub(super) fn numbered(&mut self) {
        let page = PageRequest::from_query(&Query::default(), &PAGING).unwrap();
        let (scope, filter) = (Scope::Everything, Filter::default());
        let found = organizations::list(&mut self.conn, &scope, &filter, &[], page).unwrap().unwrap();
        assert_eq!((found.1.rows, found.2.len()), (self.rows, 5));
    }

    pub(super) fn numbered_members(&mut self) {
        let page = PageRequest::from_query(&Query::default(), &PAGING).unwrap();
        self.enter();
        let found = memberships::list(&mut self.conn, id(1), &MemberFilter::default(), &[], page);
        let (_, count, rows) = found.unwrap().unwrap();
        assert_eq!(count.rows, self.rows + 1);
        self.show(&rows);
    }

    /// A number between 1 and the rows, another one each time.
    fn any(&self, round: u32) -> i64 {
        i64::from(round).wrapping_mul(7_919_317).rem_euclid(self.rows - 20) + 11
    }

    pub(super) fn search(&mut self, round: u32) {
        let prefix = Some(format!("ORG {}", self.any(round)));
        let (page, filter) = (request("cursor="), Filter { prefix, ..Filter::default() });
        let scope = Scope::Everything;
        let found = organizations::list_from(&mut self.conn, &scope, &filter, &[], &page).unwrap().unwrap();
        assert!(!found.rows().is_empty());
    }

    pub(super) fn own(&mut self, round: u32) {
        let user_id = format!("u{}", self.any(round) / 10);
        let page = PageRequest::from_query(&Query::default(), &PAGING).unwrap();
        let asked = organizations::OwnPage { user_id, page };
        let found = organizations::list_own_together(&mut self.conn, &[asked]).unwrap().remove(0);
        let (_, count, rows) = found.unwrap();
        assert_eq!((count.rows, rows.len()), (10, 5));
    }

    pub(super) fn look_up(&mut self, round: u32) {
        let number = self.any(round);
        let user_id = format!("u{}", number / 10);
        let found = organizations::find_with_role(&mut self.conn, &Name::Id(id(number)), &user_id).unwrap();
        assert_eq!(found.unwrap().1.unwrap().name, "owner");
    }

    pub(super) fn check(&mut self, round: u32) {
        let user_id = format!("m{}", self.any(round));
        let found = organizations::find_with_role(&mut self.conn, &Name::Id(id(1)), &user_id).unwrap();
        assert!(found.unwrap().1.is_some());
    }

    /// The first page by cursor and one behind it come out of an index, in every order.
    pub(super) fn demand_indexes(&mut self) {
        let (scope, filter) = (Scope::Everything, Filter::default());
        for order in ["", "name", "-name", "created_at", "-created_at", "updated_at", "-updated_at"] {
            let by = orders(order, &organizations::ORDERINGS);
            for pages in [1, 3] {
                let page = walk(pages, |page| self.organizations_on(page, order));
                let (query, _) = organizations::beyond(&self.conn, &scope, &filter, &by, &page).unwrap();
                plans::demand_index(&mut self.conn, query.limit(page.limit()), order);
            }
        }
        for order in ["", "user_id", "-user_id", "created_at", "-created_at", "role", "-role"] {
            let by = orders(order, &memberships::ORDERINGS);
            for (pages, role) in [(1, None), (3, None), (1, Some("admin")), (3, Some("admin"))] {
                let filter = MemberFilter { role: role.map(str::to_owned), search: None };
                let page = walk(pages, |page| self.members_on(page, order));
                let (query, _) = memberships::beyond(id(1), &filter, &by, &page).unwrap();
                plans::demand_index(&mut self.conn, query.limit(page.limit()), order);
            }
        }
    }
}
