//! The language server, driven as an editor drives it.

#![allow(clippy::expect_used, clippy::panic)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value as Json, json};

/// Longer than any answer takes; a server that hangs fails the test instead of the run.
const PATIENCE: Duration = Duration::from_secs(30);

struct Editor {
    server: Child,
    input: ChildStdin,
    messages: Receiver<Json>,
}

impl Editor {
    fn start() -> Self {
        let mut server = Command::new(env!("CARGO_BIN_EXE_btrfs-tune"))
            .arg("lsp")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        let input = server.stdin.take().expect("its input");
        let mut output = BufReader::new(server.stdout.take().expect("its output"));
        let (sender, messages) = channel();
        std::thread::spawn(move || {
            loop {
                let mut length = 0;
                loop {
                    let mut line = String::new();
                    if output.read_line(&mut line).unwrap_or(0) == 0 {
                        return;
                    }
                    match line.trim().strip_prefix("Content-Length: ") {
                        Some(number) => length = number.parse().expect("a length"),
                        None if line.trim().is_empty() => break,
                        None => {}
                    }
                }
                let mut body = vec![0; length];
                output.read_exact(&mut body).expect("a body");
                let message = serde_json::from_slice(&body).expect("JSON");
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        Editor {
            server,
            input,
            messages,
        }
    }

    fn send(&mut self, mut message: Json) {
        message["jsonrpc"] = "2.0".into();
        let body = message.to_string();
        write!(self.input, "Content-Length: {}\r\n\r\n{body}", body.len()).expect("it reads");
        self.input.flush().expect("it reads");
    }

    /// The next message of which `wanted` holds.
    fn wait(&self, wanted: impl Fn(&Json) -> bool) -> Json {
        loop {
            let message = self.messages.recv_timeout(PATIENCE).expect("an answer");
            if wanted(&message) {
                return message;
            }
        }
    }

    fn diagnostics(&self, uri: &str) -> Vec<Json> {
        let message = self.wait(|m| {
            m["method"] == "textDocument/publishDiagnostics" && m["params"]["uri"] == uri
        });
        message["params"]["diagnostics"]
            .as_array()
            .expect("a list")
            .clone()
    }
}

impl Drop for Editor {
    fn drop(&mut self) {
        let _ = self.server.kill();
    }
}

#[test]
fn a_finding_is_shown_and_fixed() {
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hosts/vps/disko.nix");
    let text = std::fs::read_to_string(&path).expect("the fixture");
    let uri = format!("file://{}", path.display());
    let mut editor = Editor::start();
    editor.send(json!({ "id": 1, "method": "initialize", "params": { "capabilities": {} } }));
    let answer = editor.wait(|m| m["id"] == 1);
    assert!(!answer["result"]["capabilities"]["codeActionProvider"].is_null());
    editor.send(json!({ "method": "initialized", "params": {} }));
    editor.send(
        json!({ "method": "textDocument/didOpen", "params": { "textDocument": {
        "uri": uri, "languageId": "nix", "version": 1, "text": text
    } } }),
    );
    let diagnostics = editor.diagnostics(&uri);
    let invalid = diagnostics
        .iter()
        .find(|d| d["code"] == "mount/invalid-value")
        .unwrap_or_else(|| panic!("no such finding among {diagnostics:?}"));
    assert_eq!(invalid["range"]["start"]["line"], 24);
    let line = text.lines().nth(24).expect("the line");
    let (start, end) = (&invalid["range"]["start"], &invalid["range"]["end"]);
    let column = |p: &Json| p["character"].as_u64().expect("a column") as usize;
    assert_eq!(&line[column(start)..column(end)], "\"compress=zstd3\"");

    editor.send(
        json!({ "id": 2, "method": "textDocument/codeAction", "params": {
        "textDocument": { "uri": uri }, "range": invalid["range"],
        "context": { "diagnostics": [invalid] }
    } }),
    );
    let answer = editor.wait(|m| m["id"] == 2);
    let actions = answer["result"].to_string();
    assert!(actions.contains("compress=zstd"), "{actions}");

    let fixed = text.replace("compress=zstd3", "compress=zstd");
    editor.send(json!({ "method": "textDocument/didChange", "params": {
        "textDocument": { "uri": uri, "version": 2 }, "contentChanges": [{ "text": fixed }]
    } }));
    let left = editor.diagnostics(&uri);
    assert!(
        left.iter().all(|d| d["code"] != "mount/invalid-value"),
        "{left:?}"
    );

    editor.send(json!({ "id": 3, "method": "shutdown" }));
    editor.wait(|m| m["id"] == 3);
    editor.send(json!({ "method": "exit" }));
    let status = editor.server.wait().expect("it ends");
    assert_eq!(status.code(), Some(0));
}
