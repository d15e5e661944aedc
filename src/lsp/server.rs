//! The conversation: what comes in, what is kept, what goes out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use lsp_server::{Connection, ErrorCode, Message, Notification, Request, Response};
use lsp_types::notification::{self as told, Notification as _};
use lsp_types::request::{self as asked, Request as _};
use lsp_types::{
    CodeAction, CodeActionKind, CodeActionOptions, CodeActionOrCommand, CodeActionParams,
    CodeActionProviderCapability, Diagnostic, DidChangeTextDocumentParams,
    DidCloseTextDocumentParams, DidOpenTextDocumentParams, DocumentChanges, InitializeParams,
    InitializeResult, OneOf, OptionalVersionedTextDocumentIdentifier, PublishDiagnosticsParams,
    SaveOptions, ServerCapabilities, ServerInfo, TextDocumentEdit, TextDocumentSyncKind,
    TextDocumentSyncOptions, TextDocumentSyncSaveOptions, Uri, WorkspaceEdit,
};

use super::analysed::{self, Analysed, Fix, Texts};
use super::{Ended, FactsOf, ServeError, convert};

/// An open buffer.
struct Buffer {
    uri: Uri,
    version: i32,
    text: String,
}

/// How far the conversation is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Greeting,
    Working,
    Leaving,
}

/// One conversation with an editor.
pub(super) struct Server<'a> {
    connection: &'a Connection,
    facts: FactsOf<'a>,
    phase: Phase,
    /// Whether the editor takes edits that name the version they are for.
    versioned_edits: bool,
    buffers: BTreeMap<PathBuf, Buffer>,
    /// Whether something changed since the analysis.
    stale: bool,
    projects: BTreeMap<PathBuf, Analysed>,
    /// The files that an editor shows diagnostics of.
    published: BTreeSet<PathBuf>,
}

impl<'a> Server<'a> {
    /// A conversation that has not begun.
    pub(super) fn new(connection: &'a Connection, facts: FactsOf<'a>) -> Self {
        Server {
            connection,
            facts,
            phase: Phase::Greeting,
            versioned_edits: false,
            buffers: BTreeMap::new(),
            stale: false,
            projects: BTreeMap::new(),
            published: BTreeSet::new(),
        }
    }

    /// Answers until the editor asks for the exit, or goes away.
    pub(super) fn run(mut self) -> Result<Ended, ServeError> {
        loop {
            // Whoever types fast is not analysed letter by letter.
            let message = match self.connection.receiver.try_recv() {
                Ok(message) => message,
                Err(_) => {
                    self.refresh()?;
                    match self.connection.receiver.recv() {
                        Ok(message) => message,
                        Err(_) => return Ok(Ended::Abruptly),
                    }
                }
            };
            match message {
                Message::Request(request) => {
                    let response = self.answer(request)?;
                    self.send(response.into())?;
                }
                Message::Notification(n) if n.method == told::Exit::METHOD => {
                    return Ok(match self.phase {
                        Phase::Leaving => Ended::Properly,
                        Phase::Greeting | Phase::Working => Ended::Abruptly,
                    });
                }
                Message::Notification(n) if self.phase == Phase::Working => self.hear(n),
                Message::Notification(_) | Message::Response(_) => {}
            }
        }
    }

    fn send(&self, message: Message) -> Result<(), ServeError> {
        let sent = self.connection.sender.send(message);
        sent.map_err(|_| ServeError::Output)
    }

    fn answer(&mut self, request: Request) -> Result<Response, ServeError> {
        let Request {
            id, method, params, ..
        } = request;
        let refuse = |code: ErrorCode, why: String| Response::new_err(id.clone(), code as i32, why);
        Ok(match (self.phase, method.as_str()) {
            (Phase::Greeting, asked::Initialize::METHOD) => {
                // An editor that says something odd about itself is served like a plain one.
                let editor = serde_json::from_value::<InitializeParams>(params).ok();
                self.versioned_edits = editor
                    .and_then(|e| e.capabilities.workspace?.workspace_edit?.document_changes)
                    .unwrap_or(false);
                self.phase = Phase::Working;
                Response::new_ok(id, greeting())
            }
            (Phase::Greeting, _) => refuse(
                ErrorCode::ServerNotInitialized,
                "initialize first".to_owned(),
            ),
            (Phase::Leaving, _) => refuse(
                ErrorCode::InvalidRequest,
                "the server was asked to shut down".to_owned(),
            ),
            (Phase::Working, asked::Initialize::METHOD) => refuse(
                ErrorCode::InvalidRequest,
                "the server is initialized already".to_owned(),
            ),
            (Phase::Working, asked::Shutdown::METHOD) => {
                self.phase = Phase::Leaving;
                self.stale = false;
                Response::new_ok(id, ())
            }
            (Phase::Working, asked::CodeActionRequest::METHOD) => {
                match serde_json::from_value::<CodeActionParams>(params) {
                    Ok(params) => {
                        self.refresh()?;
                        Response::new_ok(id, self.actions(&params))
                    }
                    Err(error) => refuse(ErrorCode::InvalidParams, error.to_string()),
                }
            }
            (Phase::Working, _) => refuse(
                ErrorCode::MethodNotFound,
                format!("{method} is not supported"),
            ),
        })
    }

    fn hear(&mut self, notification: Notification) {
        let Notification { method, params, .. } = notification;
        match method.as_str() {
            told::DidOpenTextDocument::METHOD => {
                if let Ok(it) = serde_json::from_value::<DidOpenTextDocumentParams>(params) {
                    let document = it.text_document;
                    self.lay(document.uri, document.version, document.text);
                }
            }
            told::DidChangeTextDocument::METHOD => {
                if let Ok(it) = serde_json::from_value::<DidChangeTextDocumentParams>(params) {
                    // Changes are whole texts, as was agreed.
                    let whole = it.content_changes.into_iter().rfind(|c| c.range.is_none());
                    if let Some(change) = whole {
                        self.lay(it.text_document.uri, it.text_document.version, change.text);
                    }
                }
            }
            told::DidCloseTextDocument::METHOD => {
                if let Ok(it) = serde_json::from_value::<DidCloseTextDocumentParams>(params)
                    && let Some(path) = convert::path_of(&it.text_document.uri)
                {
                    self.stale |= self.buffers.remove(&path).is_some();
                }
            }
            // Other files may have changed as well.
            told::DidSaveTextDocument::METHOD | told::DidChangeWatchedFiles::METHOD => {
                self.stale = true;
            }
            _ => {}
        }
    }

    fn lay(&mut self, uri: Uri, version: i32, text: String) {
        let Some(path) = convert::path_of(&uri) else {
            return;
        };
        if path.extension().is_some_and(|e| e == "nix") {
            let buffer = Buffer { uri, version, text };
            self.buffers.insert(path, buffer);
            self.stale = true;
        }
    }

    /// Analyses the projects of the open buffers again if anything changed, and tells the editor.
    fn refresh(&mut self) -> Result<(), ServeError> {
        if !std::mem::take(&mut self.stale) {
            return Ok(());
        }
        let texts: Texts<'_> = self
            .buffers
            .iter()
            .map(|(path, buffer)| (path.as_path(), buffer.text.as_str()))
            .collect();
        let mut projects: BTreeMap<PathBuf, Option<Analysed>> = BTreeMap::new();
        for path in self.buffers.keys() {
            let mut analyse = |entry: &Path| {
                let of = || Analysed::of(entry, &texts, self.facts);
                let analysed = projects.entry(entry.to_path_buf()).or_insert_with(of);
                analysed.as_ref().is_some_and(|a| a.read.contains(path))
            };
            // A file that no host of the flake reads is looked at by itself.
            if !analysed::flake_above(path).is_some_and(|flake| analyse(&flake)) {
                analyse(path);
            }
        }
        self.projects = projects
            .into_iter()
            .filter_map(|(path, analysed)| Some((path, analysed?)))
            .collect();
        self.publish()
    }

    fn publish(&mut self) -> Result<(), ServeError> {
        let mut all: BTreeMap<PathBuf, Vec<Diagnostic>> = BTreeMap::new();
        // What is open, and what was told of before, is told of even if nothing is left to say.
        for path in self.buffers.keys().chain(&self.published) {
            all.insert(path.clone(), Vec::new());
        }
        for analysed in self.projects.values() {
            let findings = analysed.findings.iter().map(|f| (&f.path, &f.diagnostic));
            for (path, diagnostic) in findings.chain(&analysed.broken) {
                let of_file = all.entry(path.clone()).or_default();
                if !of_file.contains(diagnostic) {
                    of_file.push(diagnostic.clone());
                }
            }
        }
        for (path, buffer) in &self.buffers {
            if let Some(diagnostic) = analysed::broken(&buffer.text) {
                all.insert(path.clone(), vec![diagnostic]);
            }
        }
        self.published.clear();
        for (path, mut diagnostics) in all {
            diagnostics.sort_by_key(|d| (d.range.start, d.range.end));
            let buffer = self.buffers.get(&path);
            let uri = match buffer {
                Some(buffer) => Some(buffer.uri.clone()),
                None => convert::uri_of(&path),
            };
            let Some(uri) = uri else { continue };
            if !diagnostics.is_empty() {
                self.published.insert(path.clone());
            }
            let version = buffer.map(|b| b.version);
            let params = PublishDiagnosticsParams::new(uri, diagnostics, version);
            let method = told::PublishDiagnostics::METHOD.to_owned();
            self.send(Notification::new(method, params).into())?;
        }
        Ok(())
    }

    fn actions(&self, params: &CodeActionParams) -> Vec<CodeActionOrCommand> {
        let wants_fixes = params.context.only.as_ref().is_none_or(|kinds| {
            let quick = CodeActionKind::QUICKFIX;
            kinds.iter().any(|k| *k == quick || k.as_str().is_empty())
        });
        let Some(path) = convert::path_of(&params.text_document.uri).filter(|_| wants_fixes) else {
            return Vec::new();
        };
        let mut fixes: Vec<Fix> = Vec::new();
        let mut actions = Vec::new();
        for analysed in self.projects.values() {
            for located in &analysed.findings {
                if located.path != path || !convert::meet(located.range, params.range) {
                    continue;
                }
                let Some(fix) = analysed.fix(located) else {
                    continue;
                };
                if !fix
                    .files
                    .iter()
                    .all(|(path, _)| self.is_current(analysed, path))
                    || fixes.contains(&fix)
                {
                    continue;
                }
                if let Some(edit) = self.edit(&fix) {
                    actions.push(CodeActionOrCommand::CodeAction(CodeAction {
                        title: fix.title.clone(),
                        kind: Some(CodeActionKind::QUICKFIX),
                        diagnostics: Some(vec![located.diagnostic.clone()]),
                        edit: Some(edit),
                        is_preferred: fix.is_safe.then_some(true),
                        ..CodeAction::default()
                    }));
                }
                fixes.push(fix);
            }
        }
        actions
    }

    /// Whether a file is as it was analysed: the buffer, or what is on disk.
    fn is_current(&self, analysed: &Analysed, path: &Path) -> bool {
        match self.buffers.get(path) {
            Some(buffer) => analysed.knows(path, &buffer.text),
            None => std::fs::read_to_string(path).is_ok_and(|text| analysed.knows(path, &text)),
        }
    }

    fn edit(&self, fix: &Fix) -> Option<WorkspaceEdit> {
        let mut documents = Vec::new();
        for (path, edits) in &fix.files {
            let (uri, version) = match self.buffers.get(path) {
                Some(buffer) => (buffer.uri.clone(), Some(buffer.version)),
                None => (convert::uri_of(path)?, None),
            };
            documents.push((uri, version, edits.clone()));
        }
        if !self.versioned_edits {
            let changes = documents.into_iter().map(|(uri, _, edits)| (uri, edits));
            return Some(WorkspaceEdit::new(changes.collect()));
        }
        let documents = documents.into_iter().map(|(uri, version, edits)| {
            let text_document = OptionalVersionedTextDocumentIdentifier { uri, version };
            TextDocumentEdit {
                text_document,
                edits: edits.into_iter().map(OneOf::Left).collect(),
            }
        });
        Some(WorkspaceEdit {
            document_changes: Some(DocumentChanges::Edits(documents.collect())),
            ..WorkspaceEdit::default()
        })
    }
}

/// What this server can do.
fn greeting() -> InitializeResult {
    let sync = TextDocumentSyncOptions {
        open_close: Some(true),
        change: Some(TextDocumentSyncKind::FULL),
        save: Some(TextDocumentSyncSaveOptions::SaveOptions(
            SaveOptions::default(),
        )),
        ..TextDocumentSyncOptions::default()
    };
    let actions = CodeActionOptions {
        code_action_kinds: Some(vec![CodeActionKind::QUICKFIX]),
        ..CodeActionOptions::default()
    };
    InitializeResult {
        capabilities: ServerCapabilities {
            text_document_sync: Some(sync.into()),
            code_action_provider: Some(CodeActionProviderCapability::Options(actions)),
            ..ServerCapabilities::default()
        },
        server_info: Some(ServerInfo {
            name: env!("CARGO_PKG_NAME").to_owned(),
            version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        }),
    }
}
