use super::*;

fn policy() -> Policy {
    let set = Permissions::of_text;
    Policy::new(&set("invoice:read invoice:write"), &set("invoice:read"), &set("")).unwrap()
}

fn standing(role: Option<Role>) -> Standing {
    Standing { role, is_superuser: false, everybody: false }
}

/// The whole table, written out once more by hand: a changed cell has to be changed in two places.
#[test]
fn every_built_in_role_allows_what_its_column_says_and_nothing_else() {
    let expected = [
        (
            "owner",
            "audit:read invoice:read invoice:write member:invite member:read member:remove member:update \
             organization:delete organization:read organization:update role:manage role:read",
        ),
        (
            "admin",
            "audit:read invoice:read invoice:write member:invite member:read member:remove member:update \
             organization:read organization:update role:manage role:read",
        ),
        ("member", "invoice:read member:read organization:read role:read"),
        ("viewer", "member:read organization:read role:read"),
    ];
    let policy = policy();
    for (name, permissions) in expected {
        assert_eq!(policy.built_in(name).unwrap().permissions.to_text(), permissions, "{name}");
    }
    assert_eq!(policy.catalogue().to_text(), expected[0].1);
    assert_eq!(policy.built_in("Owner"), None);
}

#[test]
fn everybody_may_exactly_what_their_role_allows() {
    let policy = policy();
    let custom = policy.role("auditor", Some("audit:read member:read gone:read"));
    assert_eq!(custom.permissions.to_text(), "audit:read member:read");
    let roles: Vec<Role> = BUILT_IN.iter().filter_map(|name| policy.built_in(name)).chain([custom]).collect();
    for permission in policy.catalogue().iter().map(Permission::as_str) {
        assert_eq!(standing(None).right(permission), None);
        for role in &roles {
            let holds = role.permissions.contains(permission);
            let member = standing(Some(role.clone()));
            assert_eq!(member.right(permission), holds.then_some(Right::Role), "{} {permission}", role.name);
            let superuser = Standing { is_superuser: true, ..member.clone() };
            let right = if holds { Right::Role } else { Right::Superuser };
            assert_eq!(superuser.right(permission), Some(right));
        }
        let open = Standing { everybody: true, ..standing(None) };
        let may = permission.starts_with("organization:").then_some(Right::Everybody);
        assert_eq!(open.right(permission), may, "{permission}");
    }
}

#[test]
fn a_built_in_role_cannot_be_defined_anew() {
    assert_eq!(policy().role("viewer", Some("organization:delete")), policy().built_in("viewer").unwrap());
}

#[test]
fn a_role_without_a_definition_allows_nothing() {
    assert!(policy().role("gone", None).permissions.is_empty());
}

#[test]
fn nobody_grants_or_takes_what_they_do_not_hold() {
    let policy = policy();
    let role = |name: &str| policy.role(name, Some("invoice:read invoice:write member:read"));
    // Who commands whom: rows act, columns are given or taken.
    let names = ["owner", "admin", "member", "viewer", "clerk"];
    let commands = [
        ("owner", [true, true, true, true, true]),
        ("admin", [false, true, true, true, true]),
        ("member", [false, false, true, true, false]),
        ("viewer", [false, false, false, true, false]),
        ("clerk", [false, false, false, false, true]),
    ];
    for (actor, expected) in commands {
        for (name, expected) in names.into_iter().zip(expected) {
            assert_eq!(standing(Some(role(actor))).commands(&role(name)), expected, "{actor} {name}");
        }
        assert!(!standing(None).commands(&role(actor)));
        assert!(Standing { is_superuser: true, ..standing(None) }.commands(&role(actor)));
    }
}

#[test]
fn only_owners_make_owners_even_where_another_role_holds_everything() {
    let policy = policy();
    let all = policy.role("everything", Some(&policy.catalogue().to_text()));
    assert_eq!(all.permissions, policy.built_in(OWNER).unwrap().permissions);
    let actor = standing(Some(all.clone()));
    assert!(!actor.commands(&policy.built_in(OWNER).unwrap()));
    assert!(actor.commands(&all) && actor.holds_all(policy.catalogue()));
}

#[test]
fn what_a_built_in_role_shall_hold_must_be_registered() {
    let set = Permissions::of_text;
    let unknown = Policy::new(&set("invoice:read"), &set("invoice:write"), &set("")).unwrap_err();
    assert_eq!(unknown.as_str(), "invoice:write");
}

#[test]
fn a_token_carries_permissions_up_to_a_number_and_a_length() {
    let some = |count: usize, length: usize| -> Permissions {
        let name = |place: usize| format!("a:{place:b>length$}");
        (0..count).map(|place| name(place).parse().unwrap()).collect()
    };
    assert!(fit_a_token(&some(40, 5)) && !fit_a_token(&some(41, 5)) && !fit_a_token(&some(40, 60)));
    let policy = |count: usize| Policy::new(&some(count, 5), &some(count, 5), &some(0, 5)).unwrap();
    assert!(policy(20).built_in_for_the_feed().is_empty());
    let large: Vec<_> = policy(40).built_in_for_the_feed().into_iter().map(|role| role.name).collect();
    assert_eq!(large, ["owner", "admin", "member"]);
}

#[test]
fn what_surely_fits_into_a_token_does() {
    let letters = || (b'a'..=b'z').map(char::from);
    let mut shortest =
        letters().flat_map(|resource| letters().map(move |action| format!("{resource}:{action}")));
    let mut held = Permissions::default();
    while fit_a_token(&held) {
        held = held.and(&std::iter::once(shortest.next().unwrap().parse().unwrap()).collect());
    }
    assert!(held.to_text().len() > usize::try_from(FITS_SURELY).unwrap());
}
