//! The benchmark: what Tessera does, beside what nobody could avoid or what a user would pick instead.
//!
//! `cargo run --release -p bench` measures everything; README.md says how to read it.

mod bare;
mod chart;
mod cli;
mod composed;
mod contest;
mod feed;
mod gateway;
mod machine;
mod markdown;
mod open_loop;
mod peer;
mod pgbench;
mod postgres;
mod programs;
mod raw;
mod results;
mod row;
mod rows;
mod stage;
mod stats;
mod tokens;
mod wrk;

use std::{io::Write, path::Path, time::Instant};

use anyhow::ensure;
use clap::Parser;
use cli::{Cli, Command, Wanted};
use machine::Machine;
use results::Results;
use row::Verdict;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use stage::Stage;
use tokio::signal::unix::{SignalKind, signal};

// As the services have it: the bare handler shall not be slower for its allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    match cli.command {
        Some(Command::List) => say(&rows::FAMILIES.map(|(name, _)| name).join("\n")),
        Some(Command::Chart { results }) => chart::draw(&results),
        Some(Command::Bare) => bare::serve().await,
        None => {
            let mut terminate = signal(SignalKind::terminate())?;
            // Whatever was started ends with its owner, so nothing may end this process at once.
            tokio::select! {
                done = measure(&cli.wanted) => done,
                _ = tokio::signal::ctrl_c() => anyhow::bail!("interrupted"),
                _ = terminate.recv() => anyhow::bail!("terminated"),
            }
        }
    }
}

async fn measure(wanted: &Wanted) -> anyhow::Result<()> {
    let families = rows::chosen(&wanted.only, wanted.builds)?;
    let files = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: files, maximum: files })?;
    let programs = match &wanted.programs {
        Some(folder) => folder.canonicalize()?,
        None => programs::build().await?,
    };
    if families.iter().any(|(name, _)| *name == rows::SCALE) {
        programs::build_tests().await?;
    }
    let machine = Machine::here(&programs::repository());
    say(&machine.summary())?;
    let stage = Stage::new(wanted.plan(), programs)?;
    let mut results = Results { machine, quick: wanted.quick, seconds: 0, rows: Vec::new() };
    let began = Instant::now();
    for (name, family) in families {
        let before = results.seconds;
        for row in rows::measure(name, family(&stage)).await {
            say(&markdown::line(&row))?;
            results.rows.push(row);
        }
        results.seconds = began.elapsed().as_secs();
        say(&format!("    {name}: {} s", results.seconds - before))?;
        // After each: whoever interrupts it keeps what there is.
        write(&wanted.out, &results)?;
    }
    say(&format!("\n{}", markdown::document(&results)))?;
    let failed = results.rows.iter().filter(|row| row.verdict() == Verdict::Error).count();
    ensure!(failed == 0, "{failed} rows could not be measured");
    Ok(())
}

fn write(folder: &Path, results: &Results) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("results.md"), markdown::document(results))?;
    Ok(std::fs::write(folder.join("results.json"), serde_json::to_string_pretty(results)?)?)
}

fn say(text: &str) -> anyhow::Result<()> {
    Ok(writeln!(std::io::stdout(), "{text}")?)
}
