//! The migrations lie outside this crate: tell cargo to embed them anew when they change.

fn main() {
    println!("cargo::rerun-if-changed=../migrations/org");
}
