//! Prints the table of languages and scenarios, or writes it into `docs/languages.md`.

use abide_conformance::{language, scenarios, table};
use anyhow::{Result, bail};

fn main() -> Result<()> {
    let text = table::render(&scenarios::all(), &language::all()?);
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [] => print!("{text}"),
        [write] if write == "--write" => {
            let path = table::page();
            let page = std::fs::read_to_string(&path)?;
            std::fs::write(&path, table::put(&page, &text)?)?;
            println!("{} has the table", path.display());
        }
        other => bail!("{other:?}: the only option is --write"),
    }
    Ok(())
}
