//! The rows, by family: a family shares its servers.

mod builds;
mod bulk;
mod connections;
mod gateway;
mod isolation;
mod lag;
mod login;
mod memory;
pub(crate) mod organizations;
mod overload;
mod peer;
mod protected;
pub(crate) mod refresh;
mod revocations;
mod scale;
mod start;

use anyhow::ensure;
use futures_util::future::LocalBoxFuture;

use crate::{
    row::{Outcome, Row, Target, Unit},
    stage::Stage,
};

type Measuring<'a> = LocalBoxFuture<'a, anyhow::Result<Vec<Row>>>;

/// A family's name, and how its rows are measured.
pub(crate) type Family = (&'static str, fn(&Stage) -> Measuring<'_>);

/// All of them, in the order of measuring.
pub(crate) const FAMILIES: [Family; 17] = [
    ("idle", |stage| Box::pin(start::measure(stage))),
    ("protected", |stage| Box::pin(protected::measure(stage))),
    ("refresh", |stage| Box::pin(refresh::measure(stage))),
    ("list", |stage| Box::pin(organizations::list(stage))),
    ("retrieve", |stage| Box::pin(organizations::retrieve(stage))),
    ("login", |stage| Box::pin(login::measure(stage))),
    ("isolation", |stage| Box::pin(isolation::measure(stage))),
    ("peer", |stage| Box::pin(peer::measure(stage))),
    ("gateway", |stage| Box::pin(gateway::measure(stage))),
    ("connections", |stage| Box::pin(connections::measure(stage))),
    ("bulk", |stage| Box::pin(bulk::measure(stage))),
    ("revocations", |stage| Box::pin(revocations::measure(stage))),
    ("lag", |stage| Box::pin(lag::measure(stage))),
    (SCALE, |stage| Box::pin(scale::measure(stage))),
    ("overload", |stage| Box::pin(overload::measure(stage))),
    ("memory", |stage| Box::pin(memory::measure(stage))),
    (BUILDS, |stage| Box::pin(builds::measure(stage))),
];

/// Runs tests, which are built before anything is measured.
pub(crate) const SCALE: &str = "scale";

/// What takes minutes and is left out unless it was asked for.
const BUILDS: &str = "builds";

/// Those of these names, or all where there are none; builds only on demand.
pub(crate) fn chosen(only: &[String], builds: bool) -> anyhow::Result<Vec<Family>> {
    let known = |wanted: &String| FAMILIES.iter().any(|(name, _)| name == wanted);
    if let Some(unknown) = only.iter().find(|wanted| !known(wanted)) {
        let names = FAMILIES.map(|(name, _)| name).join(", ");
        anyhow::bail!("no rows are called {unknown}; there are {names}");
    }
    let named = |name: &str| only.iter().any(|only| only == name);
    let wanted = |(name, _): &Family| match *name {
        BUILDS => builds || named(BUILDS),
        name => only.is_empty() || named(name),
    };
    Ok(FAMILIES.into_iter().filter(wanted).collect())
}

/// The rows of a family, or one that says why there are none.
pub(crate) async fn measure(name: &str, measuring: Measuring<'_>) -> Vec<Row> {
    let some = async {
        let rows = measuring.await?;
        ensure!(!rows.is_empty(), "nothing was measured");
        Ok(rows)
    };
    some.await.unwrap_or_else(|error: anyhow::Error| {
        let (what, against) = (String::new(), String::new());
        let outcome = Outcome::Failed(format!("{error:#}"));
        let (name, target, unit) = (name.to_owned(), Target::Recorded, Unit::Times);
        vec![Row { name, what, against, target, unit, outcome }]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Verdict;

    #[test]
    fn families_are_chosen_by_name() {
        let names = |only: &[&str]| {
            let only: Vec<_> = only.iter().map(|name| (*name).to_owned()).collect();
            chosen(&only, false).map(|chosen| chosen.iter().map(|(name, _)| *name).collect::<Vec<_>>())
        };
        assert_eq!(names(&[]).unwrap().len(), FAMILIES.len() - 1);
        assert_eq!(names(&["login", "list", "builds"]).unwrap(), ["list", "login", "builds"]);
        assert!(names(&["nonsense"]).unwrap_err().to_string().contains("idle, protected, refresh"));
    }

    #[tokio::test]
    async fn a_family_that_fails_is_a_row_that_says_why() {
        let rows = measure("some", Box::pin(async { anyhow::bail!("refused") })).await;
        let [row] = rows.as_slice() else { panic!("{rows:?}") };
        assert_eq!((row.verdict(), row.name.as_str()), (Verdict::Error, "some"));
        let none = measure("some", Box::pin(async { Ok(Vec::new()) })).await;
        assert_eq!(none.first().map(Row::verdict), Some(Verdict::Error));
    }
}
