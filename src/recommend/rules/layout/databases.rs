//! Databases that rewrite their files in place, and where NixOS puts them.

use crate::model::Host;
use crate::nix::source::Span;

/// A database server of NixOS.
struct Server {
    name: &'static str,
    enable: &'static str,
    /// The option that holds its data directory.
    directory: &'static str,
    /// The directory without that option.
    default: &'static str,
}

/// Servers whose data files are rewritten page by page. Those that write new files and merge them
/// (Prometheus, InfluxDB, ClickHouse, Redis) gain nothing from being overwritten in place. The
/// paths are those of the NixOS modules; PostgreSQL's default ends in its version, of which the
/// directory above is taken.
const SERVERS: [Server; 3] = [
    Server {
        name: "PostgreSQL",
        enable: "services.postgresql.enable",
        directory: "services.postgresql.dataDir",
        default: "/var/lib/postgresql",
    },
    Server {
        name: "MySQL",
        enable: "services.mysql.enable",
        directory: "services.mysql.dataDir",
        default: "/var/lib/mysql",
    },
    Server {
        name: "MongoDB",
        enable: "services.mongodb.enable",
        directory: "services.mongodb.dbpath",
        default: "/var/db/mongodb",
    },
];

/// A database that runs on the host.
pub(in crate::recommend::rules) struct Database {
    pub(in crate::recommend::rules) name: &'static str,
    /// Where its data really lies: behind the bind mounts of impermanence, without a version
    /// number at the end.
    pub(in crate::recommend::rules) directory: String,
    /// Where it was configured.
    pub(in crate::recommend::rules) at: Option<Span>,
}

/// The databases of a host whose place is known.
pub(in crate::recommend::rules) fn databases(host: &Host) -> Vec<Database> {
    let settings = &host.settings;
    let running = SERVERS
        .iter()
        .filter(|server| settings.is_true(server.enable));
    let place = |server: &Server| {
        let (written, at) = match settings.get(server.directory) {
            Some(Ok(setting)) => (setting.value.as_str()?.to_owned(), setting.at),
            Some(Err(_)) => return None,
            None => {
                let at = settings.known(server.enable).and_then(|s| s.at);
                (server.default.to_owned(), at)
            }
        };
        let directory = persisted(host, without_version(&written));
        Some(Database {
            name: server.name,
            directory,
            at,
        })
    };
    running.filter_map(place).collect()
}

/// A path without a last part that is a version number.
pub(super) fn without_version(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    match path.rsplit_once('/') {
        Some((above, last)) if !above.is_empty() && is_version(last) => above,
        _ => path,
    }
}

fn is_version(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || c == '.')
}

/// Where a path lies when impermanence binds it from elsewhere
/// (`environment.persistence."<root>".directories`).
fn persisted(host: &Host, path: &str) -> String {
    const OPTION: &str = "environment.persistence.";
    for (option, setting) in host.settings.below(OPTION) {
        let root = option
            .strip_prefix(OPTION)
            .and_then(|o| o.strip_suffix(".directories"));
        let (Some(root), Ok(setting)) = (root, setting) else {
            continue;
        };
        let directories = setting.value.as_array().into_iter().flatten();
        let named = directories.filter_map(|d| {
            d.as_str()
                .or_else(|| d.get("directory").and_then(|d| d.as_str()))
        });
        for directory in named {
            if crate::model::storage::is_below(path, directory) {
                return format!("{}{path}", root.trim_end_matches('/'));
            }
        }
    }
    path.to_owned()
}
