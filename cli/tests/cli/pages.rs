//! Every `sandbind …` that a page or a message names is a command that the program understands.

use std::{fs, path::Path};

use clap::{Parser as _, error::ErrorKind};
use sandbind_cli::args::Args;
use sandbind_tests::pages;

/// Commands in a page: in code quotes, and at the head of a line of a block.
fn of_page(text: &str) -> Vec<String> {
    let prose = pages::prose(text);
    let blocks = pages::blocks(text).unwrap();
    let quoted = prose.iter().flat_map(|(_, line)| pages::inline_code(line));
    let lines = blocks.iter().flat_map(|block| block.text.lines());
    let heads = lines.flat_map(|line| line.split("&& ")).map(str::trim);
    quoted.chain(heads).filter(|text| text.starts_with("sandbind ")).map(str::to_owned).collect()
}

/// Commands in the messages of a source folder.
fn of_sources(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            of_sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            // A literal that goes on in the next line.
            let mut pieces = text.split("\\\n");
            let first = pieces.next().unwrap_or_default().to_owned();
            let text = pieces.fold(first, |text, piece| text + piece.trim_start());
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            for command in code.flat_map(pages::inline_code).filter(|code| code.starts_with("sandbind ")) {
                found.push((path.display().to_string(), command.to_owned()));
            }
        }
    }
}

/// Why the program does not understand it. What a reader fills in, or leaves out, is no fault.
fn fault(command: &str) -> Option<String> {
    let end = [" -- ", " | ", " > ", " #", "  ", " 2>", ";"].iter().filter_map(|end| command.find(end)).min();
    let command = &command[..end.unwrap_or(command.len())];
    let words: Vec<String> = command.split_whitespace().map(|word| word.replace(['"', '\''], "")).collect();
    if words.iter().any(|word| word.contains('|') || word.contains('…') && word.len() < 4) {
        return None;
    }
    let error = Args::try_parse_from(&words).err()?;
    let placeholder = words.iter().any(|word| word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase()));
    match error.kind() {
        ErrorKind::MissingRequiredArgument
        | ErrorKind::MissingSubcommand
        | ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => None,
        ErrorKind::ValueValidation | ErrorKind::InvalidValue if placeholder => None,
        ErrorKind::InvalidValue if words.last().is_some_and(|word| word.starts_with('-')) => None,
        _ => Some(format!("{command}: {error}")),
    }
}

#[test]
fn every_command_in_the_pages_is_understood() {
    let mut seen = 0;
    for page in pages::all() {
        for command in of_page(&pages::text(&page)) {
            seen += 1;
            assert_eq!(fault(&command), None, "{page}");
        }
    }
    assert!(seen > 60, "only {seen} commands were found");
}

#[test]
fn every_command_that_a_message_names_is_understood() {
    let mut found = Vec::new();
    for room in ["core", "engine", "cluster", "local", "webhook", "plugin-runner", "cli"] {
        of_sources(&pages::root().join(room).join("src"), &mut found);
    }
    assert!(found.len() > 40, "only {} commands were found", found.len());
    for (file, command) in found {
        assert_eq!(fault(&command), None, "{file}");
    }
}

#[test]
fn a_flag_that_does_not_exist_would_be_noticed() {
    assert!(fault("sandbind sandbox wait NAME --fro ready").is_some());
    assert!(fault("sandbind sandbox wit NAME").is_some());
    assert!(fault("sandbind run -f F -- anything --goes").is_none());
}
