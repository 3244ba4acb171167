//! A contest: several sides take turns, so that what else the machine does falls on all of them alike.

use std::time::Duration;

use futures_util::future::LocalBoxFuture;

use crate::{cli::Plan, row::Run};

type Turn<'a> = dyn FnMut(Duration) -> LocalBoxFuture<'a, anyhow::Result<Run>> + 'a;

/// One of the sides: what it does in a turn of so long.
pub(crate) struct Contender<'a>(Box<Turn<'a>>);

impl<'a> Contender<'a> {
    /// A side that does this.
    pub(crate) fn new<F>(mut turn: impl FnMut(Duration) -> F + 'a) -> Self
    where
        F: Future<Output = anyhow::Result<Run>> + 'a,
    {
        Self(Box::new(move |length| Box::pin(turn(length))))
    }
}

/// Has every side take a turn in every round; gives their runs, in the sides' order. A first turn of a
/// second each is not counted: caches, branch predictors and the allocator settle.
pub(crate) async fn contest<const N: usize>(
    plan: &Plan,
    mut sides: [Contender<'_>; N],
) -> anyhow::Result<[Vec<Run>; N]> {
    let mut runs = std::array::from_fn(|_| Vec::new());
    if !plan.quick {
        for side in &mut sides {
            (side.0)(Duration::from_secs(1)).await?;
        }
    }
    for round in 0..plan.rounds {
        let mut order: Vec<_> = sides.iter_mut().zip(&mut runs).collect();
        // Every other round the other way about, so that a drift of the machine cancels out.
        if round % 2 == 1 {
            order.reverse();
        }
        for (side, runs) in order {
            runs.push((side.0)(plan.turn).await?);
        }
    }
    Ok(runs)
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, rc::Rc};

    use clap::Parser;

    use super::*;
    use crate::cli::Cli;

    type Seen = Rc<RefCell<String>>;

    fn side(seen: &Seen, name: char, rate: f64) -> Contender<'_> {
        Contender::new(move |_| {
            seen.borrow_mut().push(name);
            std::future::ready(Ok(Run { rate, ..Run::default() }))
        })
    }

    #[tokio::test]
    async fn sides_take_turns_and_change_their_order() {
        let mut plan = Cli::parse_from(["bench", "--quick"]).wanted.plan();
        plan.rounds = 2;
        let seen = Seen::default();
        let [a, b] = contest(&plan, [side(&seen, 'a', 1.0), side(&seen, 'b', 2.0)]).await.unwrap();
        assert_eq!(*seen.borrow(), "abba");
        assert_eq!((a.len(), b.len()), (2, 2));
        assert!(b.iter().all(|run| run.rate > 1.5) && a.iter().all(|run| run.rate < 1.5));
    }
}
