//! Files, their text, and places in them.
//!
//! A [`Sources`] is one consistent view of the project: what is on disk, with the edits made so far
//! laid over it. File identities survive an edit, so a place can be named before and after.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use line_index::{LineIndex, TextSize, WideEncoding};
use rnix::{SyntaxNode, TextRange};

use super::eval::hir::Hir;
use super::guard::{self, Refusal};

/// Identity of a file within one [`Sources`] and all views derived from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u32);

impl FileId {
    /// Its place among the files of its view.
    pub(in crate::nix) fn index(self) -> usize {
        self.0 as usize
    }
}

/// A piece of the text of one file: the origin of a value, the target of an edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// Bytes within its text.
    pub range: TextRange,
}

impl PartialOrd for Span {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Span {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let key = |s: &Span| (s.file, s.range.start(), s.range.end());
        key(self).cmp(&key(other))
    }
}

/// A place as people and reports name it: 1-based line, 1-based column in characters, length in
/// characters.
#[derive(
    Debug,
    Clone,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
pub struct Place {
    /// Path relative to the root of the project, with `/`.
    pub file: String,
    /// 1-based line.
    pub line: u32,
    /// 1-based column, in characters.
    pub column: u32,
    /// Length in characters.
    pub length: u32,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One file: its text as read or edited, and what was derived from it.
#[derive(Debug)]
pub struct SourceFile {
    id: FileId,
    path: PathBuf,
    shown: String,
    text: Rc<str>,
    lines: OnceCell<LineIndex>,
    tree: OnceCell<SyntaxNode>,
    hir: OnceCell<Result<Rc<Hir>, SyntaxError>>,
}

/// The first syntax error of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// Where the parser stopped understanding.
    pub at: TextRange,
    /// What it expected.
    pub message: String,
}

impl SourceFile {
    fn new(id: FileId, path: PathBuf, shown: String, text: Rc<str>) -> Self {
        SourceFile {
            id,
            path,
            shown,
            text,
            lines: OnceCell::new(),
            tree: OnceCell::new(),
            hir: OnceCell::new(),
        }
    }

    /// Its identity.
    pub fn id(&self) -> FileId {
        self.id
    }

    /// Absolute, normalised path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Path relative to the root of the project, as shown to people.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The lossless syntax tree.
    pub fn tree(&self) -> &SyntaxNode {
        self.tree
            .get_or_init(|| rnix::Root::parse(&self.text).syntax())
    }

    /// The file lowered for evaluation, or its first syntax error.
    pub fn hir(&self) -> Result<Rc<Hir>, SyntaxError> {
        self.hir
            .get_or_init(|| super::eval::lower::lower(&self.text).map(Rc::new))
            .clone()
    }

    fn line_column(&self, offset: TextSize) -> (u32, u32) {
        let index = self.lines.get_or_init(|| LineIndex::new(&self.text));
        let Some(position) = index.try_line_col(offset) else {
            return (1, 1);
        };
        // Knows where the wide characters are, so that long lines are not counted through.
        let column = index
            .to_wide(WideEncoding::Utf32, position)
            .map_or(0, |wide| wide.col);
        (position.line + 1, column + 1)
    }
}

/// Why a file could not be read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ReadError {
    /// The operating system said no.
    #[error("{path}: {message}")]
    Io {
        /// The file.
        path: String,
        /// What the operating system said.
        message: String,
    },
    /// The guard refused its bytes.
    #[error("{path}:{line}:{column}: {refusal}")]
    Refused {
        /// The file, as shown.
        path: String,
        /// 1-based line.
        line: u32,
        /// 1-based column in characters.
        column: u32,
        /// The reason.
        refusal: Refusal,
    },
    /// It lies outside the root of the project.
    #[error("{path} lies outside the project")]
    Outside {
        /// The file.
        path: String,
    },
}

/// A view of the project's files: the disk, with edits laid over it.
#[derive(Debug)]
pub struct Sources {
    root: PathBuf,
    files: RefCell<Vec<Rc<SourceFile>>>,
    by_path: RefCell<BTreeMap<PathBuf, FileId>>,
}

impl Sources {
    /// A view of the tree below `root`, which must be absolute and is where shown paths begin.
    pub fn new(root: PathBuf) -> Self {
        Sources {
            root: normalise(&root),
            files: RefCell::new(Vec::new()),
            by_path: RefCell::new(BTreeMap::new()),
        }
    }

    /// A view of nothing, for what is known of a machine without any file of it.
    pub fn none() -> Self {
        Self::new(PathBuf::from("/"))
    }

    /// The root of the project.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The same view with the texts of some files replaced; identities stay.
    pub fn with_texts(&self, texts: &BTreeMap<FileId, String>) -> Sources {
        let files = self.files.borrow();
        let files = files.iter().map(|file| match texts.get(&file.id) {
            Some(text) if **text != *file.text => Rc::new(SourceFile::new(
                file.id,
                file.path.clone(),
                file.shown.clone(),
                Rc::from(text.as_str()),
            )),
            _ => Rc::clone(file),
        });
        Sources {
            root: self.root.clone(),
            files: RefCell::new(files.collect()),
            by_path: RefCell::new(self.by_path.borrow().clone()),
        }
    }

    /// Reads a file below the root (or gives what was read before).
    pub fn read(&self, path: &Path) -> Result<Rc<SourceFile>, ReadError> {
        let path = normalise(path);
        if let Some(id) = self.by_path.borrow().get(&path) {
            return self.file(*id).ok_or(ReadError::Outside {
                path: path.display().to_string(),
            });
        }
        if !path.starts_with(&self.root) {
            return Err(ReadError::Outside {
                path: path.display().to_string(),
            });
        }
        let shown = self.shown(&path);
        let bytes = self.bytes(&path)?;
        let text = guard::check(&bytes).map_err(|(offset, refusal)| {
            let before = String::from_utf8_lossy(&bytes[..offset.min(bytes.len())]);
            let line = before.matches('\n').count() as u32 + 1;
            let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) as u32 + 1;
            ReadError::Refused {
                path: shown.clone(),
                line,
                column,
                refusal,
            }
        })?;
        Ok(self.insert(path, shown, Rc::from(text)))
    }

    fn bytes(&self, path: &Path) -> Result<Vec<u8>, ReadError> {
        let shown = self.shown(path);
        let io_error = |e: io::Error| ReadError::Io {
            path: shown.clone(),
            message: io_message(&e),
        };
        let metadata = std::fs::metadata(path).map_err(io_error)?;
        // A FIFO would block for ever, a device never end.
        if !metadata.is_file() {
            let message = "not a regular file".to_owned();
            return Err(ReadError::Io {
                path: shown,
                message,
            });
        }
        if metadata.len() > guard::MAX_BYTES as u64 {
            let refusal = Refusal::TooLarge(metadata.len() as usize);
            return Err(ReadError::Refused {
                path: shown,
                line: 1,
                column: 1,
                refusal,
            });
        }
        std::fs::read(path).map_err(io_error)
    }

    /// The text of any file of the project, as `builtins.readFile` needs it.
    pub fn read_text(&self, path: &Path) -> Result<String, ReadError> {
        let path = normalise(path);
        if let Some(file) = self
            .by_path
            .borrow()
            .get(&path)
            .and_then(|id| self.file(*id))
        {
            return Ok(file.text.to_string());
        }
        if !path.starts_with(&self.root) {
            return Err(ReadError::Outside {
                path: path.display().to_string(),
            });
        }
        String::from_utf8(self.bytes(&path)?).map_err(|_| ReadError::Refused {
            path: self.shown(&path),
            line: 1,
            column: 1,
            refusal: Refusal::NotUtf8,
        })
    }

    /// Adds a text that is no file of the project: the embedded prelude, or an editor's buffer.
    pub fn insert_text(&self, path: &Path, text: &str) -> Rc<SourceFile> {
        let path = normalise(path);
        if let Some(file) = self
            .by_path
            .borrow()
            .get(&path)
            .and_then(|id| self.file(*id))
        {
            return file;
        }
        let shown = self.shown(&path);
        self.insert(path, shown, Rc::from(text))
    }

    fn insert(&self, path: PathBuf, shown: String, text: Rc<str>) -> Rc<SourceFile> {
        let mut files = self.files.borrow_mut();
        let id = FileId(files.len() as u32);
        let file = Rc::new(SourceFile::new(id, path.clone(), shown, text));
        files.push(Rc::clone(&file));
        self.by_path.borrow_mut().insert(path, id);
        file
    }

    /// The file of an identity.
    pub fn file(&self, id: FileId) -> Option<Rc<SourceFile>> {
        self.files.borrow().get(id.0 as usize).cloned()
    }

    /// Where all files were read.
    pub fn paths(&self) -> Vec<PathBuf> {
        self.by_path.borrow().keys().cloned().collect()
    }

    /// The text under a span.
    pub fn text(&self, span: Span) -> String {
        let text = self.file(span.file).map(|f| Rc::clone(&f.text));
        text.and_then(|t| {
            t.get(std::ops::Range::<usize>::from(span.range))
                .map(str::to_owned)
        })
        .unwrap_or_default()
    }

    /// A span as people name it.
    pub fn place(&self, span: Span) -> Place {
        let Some(file) = self.file(span.file) else {
            return Place {
                file: "?".to_owned(),
                line: 1,
                column: 1,
                length: 0,
            };
        };
        let (line, column) = file.line_column(span.range.start());
        let length = self.text(span).chars().count() as u32;
        Place {
            file: file.shown.clone(),
            line,
            column,
            length,
        }
    }

    /// Whether something exists at `path`; `None` outside the project.
    pub fn exists(&self, path: &Path) -> Option<bool> {
        let path = normalise(path);
        path.starts_with(&self.root).then(|| path.exists())
    }

    /// The names and kinds in a directory of the project, sorted; `None` outside it or unreadable.
    pub fn read_dir(&self, path: &Path) -> Option<Vec<(String, &'static str)>> {
        let path = normalise(path);
        if !path.starts_with(&self.root) {
            return None;
        }
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(path).ok()? {
            let entry = entry.ok()?;
            let kind = entry.file_type().ok()?;
            let kind = match () {
                () if kind.is_symlink() => "symlink",
                () if kind.is_dir() => "directory",
                () if kind.is_file() => "regular",
                () => "unknown",
            };
            entries.push((entry.file_name().into_string().ok()?, kind));
        }
        entries.sort();
        Some(entries)
    }

    /// A path as shown to people: relative to the root where it lies below it.
    pub fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.root)
            .unwrap_or(path)
            .display()
            .to_string()
    }
}

fn io_message(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

/// Removes `.` and `..` by text, as Nix does for paths; symlinks are left alone.
pub fn normalise(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}
