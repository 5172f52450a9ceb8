//! `completions` and `man`: made of the command line itself, so that they say what it does.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::args::Cli;
use crate::exit::{Exit, Failure};
use crate::table::{put, put_bytes, save, say};

/// Print the completions of a shell.
///
/// Examples:
///   sweep-ctl completions bash > ~/.local/share/bash-completion/completions/sweep-ctl
///   sweep-ctl completions zsh > ~/.zfunc/_sweep-ctl
///   sweep-ctl completions fish > ~/.config/fish/completions/sweep-ctl.fish
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct CompletionsArgs {
    #[arg(value_enum)]
    shell: Shell,
}

pub(crate) fn completions(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "sweep-ctl", &mut text);
    put_bytes(&text)
}

/// Print the manual page, or write the pages of all commands into a folder.
///
/// Examples:
///   sweep-ctl man | man -l -
///   sweep-ctl man --out ~/.local/share/man/man1
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct ManArgs {
    /// The folder; it is made if it is missing.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(crate) fn man(args: &ManArgs) -> Result<(), Failure> {
    let mut command = Cli::command();
    command.build();
    let Some(folder) = &args.out else { return put_bytes(&page(command, "sweep-ctl")?) };
    let unwritable =
        |error| Failure::new(Exit::Unexpected, format!("cannot write {}: {error}", folder.display()));
    std::fs::create_dir_all(folder).map_err(unwritable)?;
    let mut written = Vec::new();
    let mut open = vec![(String::from("sweep-ctl"), command)];
    while let Some((name, command)) = open.pop() {
        for inner in
            command.get_subcommands().filter(|inner| !inner.is_hide_set() && inner.get_name() != "help")
        {
            open.push((format!("{name}-{}", inner.get_name()), inner.clone()));
        }
        let file = folder.join(format!("{name}.1"));
        save(&file, &page(command, &name)?)?;
        written.push(file);
    }
    written.sort();
    put(&written.iter().map(|file| format!("{}\n", file.display())).collect::<String>())?;
    say(&format!("wrote {} pages", written.len()));
    Ok(())
}

fn page(command: clap::Command, name: &str) -> Result<Vec<u8>, Failure> {
    let mut text = Vec::new();
    let written = clap_mangen::Man::new(command).title(name).render(&mut text);
    written.map_err(|error| Failure::new(Exit::Unexpected, format!("cannot make the manual: {error}")))?;
    Ok(text)
}
