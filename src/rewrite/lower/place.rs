//! Owns: where a new definition goes: which of the host's modules is the best place for it.

use rnix::ast::{self, HasEntry};
use rowan::ast::AstNode;

use super::{Candidate, look, scope};
use crate::nix::edit::{self, NewValue};
use crate::nix::source::FileId;
use crate::nix::syntax::static_name;
use crate::project::{Entry, Evaluated};

/// How many places are tried.
const MOST: usize = 8;

/// A new definition in one of the host's modules, the best one first.
pub(super) fn definitions(
    evaluated: &Evaluated,
    path: &[String],
    value: &NewValue,
) -> Vec<Candidate> {
    let insert = |place: &Place| {
        let edit = edit::insert_path(&place.set, path, value);
        Candidate::of(place.file, edit)
    };
    places(evaluated, path).iter().map(insert).collect()
}

/// The same, stronger than all other definitions.
pub(super) fn forced(evaluated: &Evaluated, path: &[String], value: &NewValue) -> Vec<Candidate> {
    let insert = |place: &Place| {
        let force = scope::callable(place.set.syntax(), "mkForce")?;
        let value = NewValue::apply(&force.text, value.clone());
        let mut edits = force.edits;
        edits.push(edit::insert_path(&place.set, path, &value));
        Some(Candidate::all(place.file, edits))
    };
    let mut places = places(evaluated, path);
    // An override is the host's own matter before it is that of what it shares.
    places.sort_by_key(|place| place.rank.aside);
    places.iter().filter_map(insert).collect()
}

/// A module of its own in the `imports` of a file, where the file cannot say it otherwise.
pub(super) fn imported(evaluated: &Evaluated, path: &[String], value: &NewValue) -> Vec<Candidate> {
    let insert = |place: &Place| {
        let module = path.iter().rev().fold(value.clone(), |value, name| {
            NewValue::Set(vec![(name.clone(), value)])
        });
        let imports = place.set.attrpath_values().find(|e| {
            let attrs: Vec<ast::Attr> = e
                .attrpath()
                .map(|p| p.attrs().collect())
                .unwrap_or_default();
            matches!(attrs.as_slice(), [only] if static_name(only).as_deref() == Some("imports"))
        });
        let edit = match imports.map(|i| i.value()) {
            Some(Some(ast::Expr::List(list))) => edit::append_elements(&list, &[module]),
            Some(_) => return None,
            None => {
                let list = NewValue::List(vec![module]);
                edit::insert_path(&place.set, &["imports".to_owned()], &list)
            }
        };
        Some(Candidate::of(place.file, edit))
    };
    let mut places = places(evaluated, path);
    places.truncate(2);
    places.iter().filter_map(insert).collect()
}

/// A set literal that a module consists of.
struct Place {
    rank: Rank,
    file: FileId,
    set: ast::AttrSet,
}

/// Why nothing can be said of an option of NixOS here: a disko file by itself is no module of it.
pub(super) fn refuses(evaluated: &Evaluated, path: &[String]) -> Option<String> {
    let is_disko = path.first().is_some_and(|p| p == "disko");
    let file = match &evaluated.entry {
        Entry::Flake(_) => return None,
        Entry::File(file) => file.clone(),
        Entry::Parts(files) => files.first().cloned().unwrap_or_default(),
    };
    (!is_disko && !is_nixos(evaluated)).then(|| {
        let file = evaluated.evaluator.sources().shown(&file);
        format!("{file} is about disks alone, no place for an option of NixOS")
    })
}

fn places(evaluated: &Evaluated, path: &[String]) -> Vec<Place> {
    if refuses(evaluated, path).is_some() {
        return Vec::new();
    }
    // Within a list there are no definitions.
    if look::list_on_the_way(evaluated, path).is_some() {
        return Vec::new();
    }
    let host = &evaluated.name.0;
    let bodies = evaluated.configuration.bodies(&evaluated.evaluator);
    let mut places: Vec<Place> = bodies
        .iter()
        .enumerate()
        .filter_map(|(index, body)| {
            let file = look::file(evaluated, body.set.file)?;
            let expression: ast::Expr = look::node(evaluated, body.set)?;
            let set = last_operand(&expression)?;
            // A module that says what modules may say, as `{ options = …; config = …; }`, has its
            // definitions in there.
            let set = config_of(&set).unwrap_or(set);
            let own = file.path().iter().any(|part| {
                let part = part.to_string_lossy();
                part.strip_suffix(".nix").unwrap_or(&part) == host.as_str()
            });
            let rank = Rank {
                generated: look::is_generated(evaluated, body.set.file),
                conditional: body.conditional,
                ..Rank::of(&set, path, own, index)
            };
            Some(Place {
                rank,
                file: body.set.file,
                set,
            })
        })
        .collect();
    places.sort_by_key(|place| place.rank);
    // A function that makes modules has one body for all of them.
    let mut seen = std::collections::BTreeSet::new();
    places.retain(|p| seen.insert((p.file, p.set.syntax().text_range().start())));
    // Those beside siblings first; but the host's own places are never left out.
    let mut kept = 0;
    let mut own = 0;
    places.retain(|place| {
        let is_own = !place.rank.aside && !place.rank.generated;
        match is_own {
            true => own += 1,
            false => kept += 1,
        }
        match is_own {
            true => own <= MOST / 2,
            false => kept <= MOST / 2,
        }
    });
    places
}

/// The set literal at the end of `a // { … }`, or the expression itself.
fn last_operand(expression: &ast::Expr) -> Option<ast::AttrSet> {
    match expression {
        ast::Expr::AttrSet(set) => Some(set.clone()),
        ast::Expr::BinOp(op) if op.operator() == Some(ast::BinOpKind::Update) => {
            last_operand(&op.rhs()?)
        }
        ast::Expr::Paren(paren) => last_operand(&paren.expr()?),
        _ => None,
    }
}

/// The set after `config =` of a module that separates it from `options` and `imports`.
fn config_of(set: &ast::AttrSet) -> Option<ast::AttrSet> {
    let named = |name: &str| {
        set.attrpath_values().find(|e| {
            let attrs: Vec<ast::Attr> = e
                .attrpath()
                .map(|p| p.attrs().collect())
                .unwrap_or_default();
            matches!(attrs.as_slice(), [only] if static_name(only).as_deref() == Some(name))
        })
    };
    match named("config")?.value()? {
        ast::Expr::AttrSet(config) => Some(config),
        _ => None,
    }
}

/// Whether a file that stands alone defines more than disko's devices.
fn is_nixos(evaluated: &Evaluated) -> bool {
    let roots = [
        "boot",
        "environment",
        "fileSystems",
        "imports",
        "networking",
        "nix",
        "nixpkgs",
        "programs",
        "services",
        "system",
        "systemd",
        "users",
    ];
    roots.iter().any(|root| {
        let definitions = evaluated
            .configuration
            .definitions(&evaluated.evaluator, &[*root]);
        !definitions.is_empty()
    })
}

/// How good a place a body is; the smallest is best.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    /// A program writes it again.
    generated: bool,
    /// Bodies below `mkIf` come last: the condition may change.
    conditional: bool,
    /// How little of the path it already speaks of.
    unrelated: usize,
    /// Whether it is not the main module of the host, nor in a directory of its name.
    aside: bool,
    /// Fewer siblings at the deepest common place are worse.
    fewer_siblings: std::cmp::Reverse<usize>,
    index: usize,
}

impl Rank {
    fn of(set: &ast::AttrSet, path: &[String], own: bool, index: usize) -> Self {
        let (shared, siblings) = shared(set, path);
        let main =
            defines(set, &["system", "stateVersion"]) || defines(set, &["networking", "hostName"]);
        Rank {
            generated: false,
            conditional: false,
            unrelated: path.len() - shared,
            aside: !main && !own,
            fewer_siblings: std::cmp::Reverse(siblings),
            index,
        }
    }
}

/// How many names of a path a set already has, and how many bindings stand there.
fn shared(set: &ast::AttrSet, path: &[String]) -> (usize, usize) {
    let (mut best, mut siblings) = (0, 0);
    for entry in set.attrpath_values() {
        let names: Vec<Option<String>> = entry
            .attrpath()
            .into_iter()
            .flat_map(|p| p.attrs())
            .map(|a| static_name(&a))
            .collect();
        let mut length = names
            .iter()
            .zip(path)
            .take_while(|(a, b)| a.as_ref() == Some(b))
            .count();
        let mut count = 1;
        if length == names.len()
            && let Some(ast::Expr::AttrSet(nested)) = entry.value()
        {
            let (deeper, inner) = shared(&nested, &path[length..]);
            length += deeper;
            count = match deeper {
                0 => nested.entries().count(),
                _ => inner,
            };
        }
        match length.cmp(&best) {
            std::cmp::Ordering::Greater => (best, siblings) = (length, count),
            std::cmp::Ordering::Equal if length > 0 => siblings += count,
            _ => {}
        }
    }
    (best, siblings)
}

fn defines(set: &ast::AttrSet, path: &[&str]) -> bool {
    let path: Vec<String> = path.iter().map(|s| (*s).to_owned()).collect();
    shared(set, &path).0 == path.len()
}
