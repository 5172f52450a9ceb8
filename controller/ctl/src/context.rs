//! Which controller is meant: named ones in a configuration file, the environment, the command line.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::Value;
use serde_yaml::Value as Yaml;

use crate::args::Format;
use crate::exit::{Exit, Failure};
use crate::table::{Column, Sheet, object, put, render, save, say};

/// Where a controller is when nothing says so.
pub(crate) const LOCAL: &str = "http://127.0.0.1:7878";

/// Name controllers, and choose the one that commands go to.
///
/// Examples:
///   sweep-ctl context add lab http://gpu1:7878 --use
///   sweep-ctl context list
///   sweep-ctl --context lab list
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct ContextArgs {
    #[command(subcommand)]
    verb: ContextVerb,
}

#[derive(Debug, Subcommand)]
enum ContextVerb {
    /// List the named controllers.
    #[command(visible_alias = "ls")]
    List,
    /// Name a controller, or give a name to another one.
    Add {
        name: String,
        /// As http://HOST:7878.
        url: String,
        /// Choose it as well.
        #[arg(long = "use")]
        choose: bool,
    },
    /// Choose the controller that commands go to.
    Use { name: String },
    /// Forget a name.
    Rm { name: String },
}

/// Show what sweep-ctl goes by.
///
/// Examples:
///   sweep-ctl config show
///   sweep-ctl config show --origin
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    verb: ConfigVerb,
}

#[derive(Debug, Subcommand)]
enum ConfigVerb {
    /// Show each setting.
    Show {
        /// And where it comes from.
        #[arg(long)]
        origin: bool,
    },
}

/// Where a setting comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    Flag,
    Environment(&'static str),
    File(PathBuf),
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => f.write_str("command line"),
            Self::Environment(name) => f.write_str(name),
            Self::File(file) => write!(f, "{}", file.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    pub(crate) value: String,
    pub(crate) origin: Origin,
}

/// What was said on the command line and in the environment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Given {
    pub(crate) server: Option<String>,
    pub(crate) context: Option<String>,
    /// `SWEEP_SERVER`.
    pub(crate) env_server: Option<String>,
    /// `SWEEP_CONTEXT`.
    pub(crate) env_context: Option<String>,
}

/// The configuration file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Config {
    file: PathBuf,
    current: Option<String>,
    contexts: BTreeMap<String, String>,
}

/// What commands go by.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) server: Setting,
    /// The named controller, where one is meant.
    pub(crate) context: Option<Setting>,
    pub(crate) config: Config,
}

/// `SWEEP_CONFIG`, or `sweep/config.yaml` where configurations are.
fn place() -> PathBuf {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable("SWEEP_CONFIG").unwrap_or_else(|| {
        let home = || variable("HOME").unwrap_or_else(|| PathBuf::from(".")).join(".config");
        variable("XDG_CONFIG_HOME").unwrap_or_else(home).join("sweep/config.yaml")
    })
}

impl Config {
    fn load(file: PathBuf) -> Result<Self, Failure> {
        match std::fs::read_to_string(&file) {
            Ok(text) => Self::parse(&text, &file),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Ok(Self { file, ..Self::default() })
            }
            Err(error) => Err(Failure::new(
                Exit::Usage,
                format!("cannot read the configuration {}: {error}", file.display()),
            )),
        }
    }

    fn parse(text: &str, file: &Path) -> Result<Self, Failure> {
        let wrong = |what: &str| {
            Failure::new(
                Exit::Usage,
                format!(
                    "the configuration {}: {what}\n  it holds `current: NAME` and `contexts: {{NAME: {{server: URL}}}}`",
                    file.display()
                ),
            )
        };
        let mut config = Self { file: file.to_owned(), ..Self::default() };
        let root: Yaml = serde_yaml::from_str(text).map_err(|error| wrong(&error.to_string()))?;
        let Yaml::Mapping(root) = root else {
            return if root.is_null() { Ok(config) } else { Err(wrong("is no mapping")) };
        };
        for (key, value) in root {
            match (key.as_str(), value) {
                (Some("current"), Yaml::String(name)) => config.current = Some(name),
                (Some("contexts"), Yaml::Mapping(contexts)) => {
                    for (name, context) in contexts {
                        let server = context.get("server").and_then(Yaml::as_str);
                        let (Some(name), Some(server)) = (name.as_str(), server) else {
                            return Err(wrong("a context has no `server`"));
                        };
                        config.contexts.insert(name.to_owned(), server.to_owned());
                    }
                }
                (name, _) => return Err(wrong(&format!("`{}` is not understood", name.unwrap_or("a key")))),
            }
        }
        Ok(config)
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let quoted = |word: &str| Value::from(word).to_string();
        if let Some(current) = &self.current {
            text.push_str(&format!("current: {}\n", quoted(current)));
        }
        text.push_str(if self.contexts.is_empty() { "" } else { "contexts:\n" });
        for (name, server) in &self.contexts {
            text.push_str(&format!("  {}: {{server: {}}}\n", quoted(name), quoted(server)));
        }
        text
    }

    fn store(&self) -> Result<(), Failure> {
        let folder = self.file.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder).map_err(|error| {
            Failure::new(Exit::Unexpected, format!("cannot make {}: {error}", folder.display()))
        })?;
        save(&self.file, self.text().as_bytes())
    }

    fn server(&self, name: &str) -> Result<&String, Failure> {
        self.contexts.get(name).ok_or_else(|| {
            let known: Vec<_> = self.contexts.keys().map(String::as_str).collect();
            let fix = if known.is_empty() {
                format!("name one: sweep-ctl context add {name} http://HOST:7878")
            } else {
                format!("there are {}", known.join(", "))
            };
            Failure::new(
                Exit::NotFound,
                format!("no controller is called `{name}` in {}\n  {fix}", self.file.display()),
            )
        })
    }
}

/// Reads the configuration and says what goes.
pub(crate) fn settings(given: &Given) -> Result<Settings, Failure> {
    settle(given, Config::load(place())?)
}

/// An address before a name, the command line before the environment before the file. A flag that names a context goes before an
/// address in the environment.
fn settle(given: &Given, config: Config) -> Result<Settings, Failure> {
    let setting = |value: &String, origin| Setting { value: value.clone(), origin };
    let file = Origin::File(config.file.clone());
    let address = match (&given.server, &given.context, &given.env_server) {
        (Some(server), _, _) => Some(setting(server, Origin::Flag)),
        (None, None, Some(server)) => Some(setting(server, Origin::Environment("SWEEP_SERVER"))),
        _ => None,
    };
    if let Some(server) = address {
        return Ok(Settings { server, context: None, config });
    }
    let context = match (&given.context, &given.env_context, &config.current) {
        (Some(name), _, _) => Some(setting(name, Origin::Flag)),
        (None, Some(name), _) => Some(setting(name, Origin::Environment("SWEEP_CONTEXT"))),
        (None, None, Some(name)) => Some(setting(name, file.clone())),
        _ => None,
    };
    let server = match &context {
        Some(context) => setting(config.server(&context.value)?, file),
        None => Setting { value: LOCAL.to_owned(), origin: Origin::Default },
    };
    Ok(Settings { server, context, config })
}

struct Named {
    name: String,
    server: String,
    current: bool,
}

pub(crate) fn context(output: Format, given: &Given, args: ContextArgs) -> Result<(), Failure> {
    let mut config = Config::load(place())?;
    match args.verb {
        ContextVerb::List => {}
        ContextVerb::Add { name, url, choose } => {
            let url = if url.contains("://") { url } else { format!("http://{url}") };
            if name.is_empty() || !name.chars().all(|c| c.is_alphanumeric() || "-_.".contains(c)) {
                return Err(Failure::new(Exit::Usage, "a name has letters, digits and `-_.`"));
            }
            if choose || config.contexts.is_empty() {
                config.current = Some(name.clone());
            }
            config.contexts.insert(name, url);
            config.store()?;
        }
        ContextVerb::Use { name } => {
            config.server(&name)?;
            config.current = Some(name);
            config.store()?;
        }
        ContextVerb::Rm { name } => {
            config.server(&name)?;
            config.contexts.remove(&name);
            config.current = config.current.filter(|current| *current != name);
            config.store()?;
        }
    }
    let now =
        settle(given, config.clone()).ok().and_then(|settings| settings.context).map(|context| context.value);
    let rows: Vec<_> = config
        .contexts
        .iter()
        .map(|(name, server)| Named {
            name: name.clone(),
            server: server.clone(),
            current: Some(name) == now.as_ref(),
        })
        .collect();
    if rows.is_empty() && output == Format::Table {
        say("no controller has a name; give one: sweep-ctl context add NAME http://HOST:7878");
        return Ok(());
    }
    put(&render(&named(&rows), output, false)?)
}

fn named(rows: &[Named]) -> Sheet<'_, Named> {
    let columns = || {
        vec![
            Column::left("current", |row: &Named| if row.current { "*" } else { "" }.to_owned()),
            Column::left("name", |row: &Named| row.name.clone()),
            Column::left("server", |row: &Named| row.server.clone()),
        ]
    };
    let json = &|row: &Named| {
        object([
            ("name", row.name.clone().into()),
            ("server", row.server.clone().into()),
            ("current", row.current.into()),
        ])
    };
    Sheet { rows, table: columns(), csv: columns(), json, name: &|row| row.name.clone() }
}

pub(crate) fn config(output: Format, given: &Given, args: &ConfigArgs) -> Result<(), Failure> {
    let ConfigVerb::Show { origin } = args.verb;
    let settings = settings(given)?;
    let file = Setting { value: settings.config.file.display().to_string(), origin: config_origin() };
    let none = || Setting { value: String::new(), origin: Origin::Default };
    let rows =
        [("config", file), ("context", settings.context.unwrap_or_else(none)), ("server", settings.server)];
    let columns = || {
        let mut columns = vec![
            Column::left("key", |(key, _): &(&str, Setting)| (*key).to_owned()),
            Column::left("value", |(_, setting): &(&str, Setting)| setting.value.clone()),
        ];
        if origin {
            columns.push(Column::left("origin", |(_, setting): &(&str, Setting)| setting.origin.to_string()));
        }
        columns
    };
    let json = |(key, setting): &(&str, Setting)| {
        let value = if setting.value.is_empty() { Value::Null } else { setting.value.clone().into() };
        object([("key", (*key).into()), ("value", value), ("origin", setting.origin.to_string().into())])
    };
    let name = |(key, _): &(&str, Setting)| (*key).to_owned();
    put(&render(
        &Sheet { rows: &rows, table: columns(), csv: columns(), json: &json, name: &name },
        output,
        false,
    )?)
}

fn config_origin() -> Origin {
    if std::env::var_os("SWEEP_CONFIG").is_some_and(|value| !value.is_empty()) {
        Origin::Environment("SWEEP_CONFIG")
    } else {
        Origin::Default
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        let text = "current: lab\ncontexts:\n  lab: {server: 'http://lab:7878'}\n  home: {server: 'http://home:1'}\n";
        Config::parse(text, Path::new("c.yaml")).expect("reads")
    }

    #[test]
    fn the_nearest_word_goes() {
        let some = |text: &str| Some(text.to_owned());
        let file = || Origin::File("c.yaml".into());
        for (given, server, origin) in [
            (Given::default(), "http://lab:7878", file()),
            (Given { env_context: some("home"), ..Given::default() }, "http://home:1", file()),
            (
                Given { env_server: some("http://e"), ..Given::default() },
                "http://e",
                Origin::Environment("SWEEP_SERVER"),
            ),
            (
                Given { context: some("home"), env_server: some("http://e"), ..Given::default() },
                "http://home:1",
                file(),
            ),
            (
                Given { server: some("http://f"), context: some("home"), ..Given::default() },
                "http://f",
                Origin::Flag,
            ),
        ] {
            let found = settle(&given, config()).expect("settles").server;
            assert_eq!(found, Setting { value: server.to_owned(), origin }, "{given:?}");
        }
        let none = settle(&Given::default(), Config::default()).expect("settles").server;
        assert_eq!((none.value.as_str(), none.origin), (LOCAL, Origin::Default));
        let missing =
            settle(&Given { context: some("nowhere"), ..Given::default() }, config()).expect_err("fails");
        assert!(missing.message.contains("home, lab"), "{}", missing.message);
    }

    #[test]
    fn what_is_written_is_read_again() {
        let config = config();
        assert_eq!(Config::parse(&config.text(), Path::new("c.yaml")).expect("reads"), config);
        assert_eq!(Config::parse("", Path::new("c.yaml")).expect("reads").contexts.len(), 0);
        for text in ["[1]", "curent: lab", "contexts: {lab: {url: x}}", "current: [", "contexts: 3"] {
            let error = Config::parse(text, Path::new("c.yaml")).expect_err(text);
            assert!(error.message.contains("c.yaml"), "{}", error.message);
        }
    }
}
