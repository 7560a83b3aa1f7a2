//! `pathway lsp`: what an editor asks while somebody writes, over stdin and stdout (Language Server Protocol).
//!
//! One thread takes one message after another. A change makes its project old; it is checked anew as soon as
//! no further change is waiting, or something is asked. What is known of a language lies in
//! [`pathway_engine::analysis`]; here are files, places as editors count them, and the protocol.

mod answers;
mod diagnostics;
mod links;
mod places;
mod projects;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use lsp_server::{Connection, ErrorCode, Message, Notification, Request, Response};
use lsp_types::notification::{
    DidChangeTextDocument, DidCloseTextDocument, DidOpenTextDocument, DidSaveTextDocument, Notification as _,
    PublishDiagnostics,
};
use lsp_types::{
    CompletionOptions, DidChangeTextDocumentParams, DidCloseTextDocumentParams, DidOpenTextDocumentParams,
    HoverProviderCapability, InitializeParams, OneOf, PublishDiagnosticsParams, RenameOptions,
    ServerCapabilities, TextDocumentSyncCapability, TextDocumentSyncKind, TextDocumentSyncOptions, Uri,
};
use serde::de::DeserializeOwned;

use crate::config;
use projects::Projects;

/// The longest text of a buffer that is looked at, as that of a file.
const LARGEST: usize = 8 << 20;

/// Why the conversation ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The client does not keep to the protocol.
    #[error("the editor does not keep to the protocol: {0}")]
    Protocol(#[from] lsp_server::ProtocolError),
    /// It is gone.
    #[error("the editor is gone")]
    Gone,
    /// It cannot be read or written to.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// What it sent cannot be read.
    #[error("what the editor sent cannot be read: {0}")]
    Json(#[from] serde_json::Error),
}

/// Serves the editor at stdin and stdout until it says that it is over; `request` is what projects are loaded
/// with.
///
/// # Errors
/// If the conversation breaks.
pub fn serve(request: config::Request) -> Result<(), Error> {
    let (connection, threads) = Connection::stdio();
    converse(&connection, request)?;
    drop(connection);
    Ok(threads.join()?)
}

fn converse(connection: &Connection, request: config::Request) -> Result<(), Error> {
    let (id, asked) = connection.initialize_start()?;
    let asked: InitializeParams = serde_json::from_value(asked)?;
    let about = serde_json::json!({
        "capabilities": capabilities(),
        "serverInfo": { "name": "pathway", "version": env!("CARGO_PKG_VERSION") },
    });
    connection.initialize_finish(id, about)?;
    let mut server = Server::new(connection, request);
    server.begin(&asked);
    server.run()
}

fn capabilities() -> ServerCapabilities {
    ServerCapabilities {
        text_document_sync: Some(TextDocumentSyncCapability::Options(TextDocumentSyncOptions {
            open_close: Some(true),
            change: Some(TextDocumentSyncKind::FULL),
            save: Some(true.into()),
            ..TextDocumentSyncOptions::default()
        })),
        completion_provider: Some(CompletionOptions {
            trigger_characters: Some([".", "|", ":", " "].map(str::to_owned).to_vec()),
            ..CompletionOptions::default()
        }),
        hover_provider: Some(HoverProviderCapability::Simple(true)),
        definition_provider: Some(OneOf::Left(true)),
        document_symbol_provider: Some(OneOf::Left(true)),
        rename_provider: Some(OneOf::Right(RenameOptions {
            prepare_provider: Some(true),
            work_done_progress_options: lsp_types::WorkDoneProgressOptions::default(),
        })),
        ..ServerCapabilities::default()
    }
}

/// A conversation.
struct Server<'a> {
    connection: &'a Connection,
    /// Texts of open files.
    open: BTreeMap<PathBuf, String>,
    projects: Projects,
    /// Folders of projects in which something has changed since they were checked.
    old: BTreeSet<PathBuf>,
    /// Files of which something was told, by the folder of their project.
    told: BTreeMap<PathBuf, BTreeSet<PathBuf>>,
}

impl<'a> Server<'a> {
    fn new(connection: &'a Connection, request: config::Request) -> Self {
        Self {
            connection,
            open: BTreeMap::new(),
            projects: Projects::new(request),
            old: BTreeSet::new(),
            told: BTreeMap::new(),
        }
    }

    /// The projects that the editor has open are checked at once.
    fn begin(&mut self, asked: &InitializeParams) {
        let folders = asked.workspace_folders.iter().flatten().filter_map(|folder| links::path(&folder.uri));
        #[expect(deprecated, reason = "older editors know no other")]
        let root = asked.root_uri.as_ref().and_then(links::path);
        for folder in folders.chain(root) {
            if folder.join(config::FILE).is_file()
                && let Ok(real) = folder.canonicalize()
            {
                self.old.insert(real);
            }
        }
    }

    fn run(&mut self) -> Result<(), Error> {
        loop {
            let message = match self.connection.receiver.try_recv() {
                Ok(message) => message,
                Err(_) => {
                    self.check()?;
                    self.connection.receiver.recv().map_err(|_| Error::Gone)?
                }
            };
            match message {
                Message::Request(request) => {
                    if self.connection.handle_shutdown(&request)? {
                        return Ok(());
                    }
                    self.check()?;
                    let response = self.answer(request);
                    self.send(Message::Response(response))?;
                }
                Message::Notification(told) => self.note(told),
                Message::Response(_) => {}
            }
        }
    }

    fn send(&self, message: Message) -> Result<(), Error> {
        self.connection.sender.send(message).map_err(|_| Error::Gone)
    }

    /// What has changed.
    fn note(&mut self, told: Notification) {
        match told.method.as_str() {
            DidOpenTextDocument::METHOD => {
                if let Some(DidOpenTextDocumentParams { text_document }) = read(told.params) {
                    self.write(&text_document.uri, Some(text_document.text));
                }
            }
            DidChangeTextDocument::METHOD => {
                let Some(DidChangeTextDocumentParams { text_document, content_changes }) = read(told.params)
                else {
                    return;
                };
                // Each change is the whole text.
                if let Some(change) = content_changes.into_iter().next_back() {
                    self.write(&text_document.uri, Some(change.text));
                }
            }
            DidCloseTextDocument::METHOD => {
                if let Some(DidCloseTextDocumentParams { text_document }) = read(told.params) {
                    self.write(&text_document.uri, None);
                }
            }
            DidSaveTextDocument::METHOD => {
                if let Some(lsp_types::DidSaveTextDocumentParams { text_document, .. }) = read(told.params)
                    && let Some(path) = links::path(&text_document.uri)
                {
                    self.old.insert(self.projects.folder_of(&path));
                }
            }
            _ => {}
        }
    }

    fn write(&mut self, uri: &Uri, text: Option<String>) {
        let Some(path) = links::path(uri) else { return };
        let path = path.canonicalize().unwrap_or(path);
        match text {
            Some(text) if text.len() <= LARGEST => drop(self.open.insert(path.clone(), text)),
            _ => drop(self.open.remove(&path)),
        }
        self.old.insert(self.projects.folder_of(&path));
    }

    /// Checks what is old, and tells what is wrong.
    fn check(&mut self) -> Result<(), Error> {
        for folder in std::mem::take(&mut self.old) {
            let found = self.projects.check(&folder, Arc::new(self.open.clone()));
            let before = self.told.remove(&folder).unwrap_or_default();
            let now: BTreeSet<PathBuf> = found.keys().cloned().collect();
            let none = before.difference(&now).map(|path| (path.clone(), Vec::new()));
            for (path, diagnostics) in none.chain(found).collect::<Vec<_>>() {
                let Some(uri) = links::uri(&path) else { continue };
                let params = PublishDiagnosticsParams { uri, diagnostics, version: None };
                let told = Notification::new(PublishDiagnostics::METHOD.to_owned(), params);
                self.send(Message::Notification(told))?;
            }
            self.told.insert(folder, now);
        }
        Ok(())
    }

    fn answer(&self, request: Request) -> Response {
        let id = request.id.clone();
        match answers::answer(&self.projects, &self.open, request) {
            Ok(result) => Response::new_ok(id, result),
            Err(answers::Refusal::Unknown(method)) => {
                let message = format!("`{method}` is not known here");
                Response::new_err(id, ErrorCode::MethodNotFound as i32, message)
            }
            Err(answers::Refusal::Impossible(why)) => {
                Response::new_err(id, ErrorCode::RequestFailed as i32, why)
            }
        }
    }
}

fn read<T: DeserializeOwned>(params: serde_json::Value) -> Option<T> {
    serde_json::from_value(params).ok()
}
