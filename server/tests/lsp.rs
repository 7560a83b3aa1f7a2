//! `pathway lsp`, as an editor talks to it: the program itself, over its stdin and stdout.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "tests fail by panicking"
)]

use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

const PROJECT: &str = "\
services:
  api: { url: 'http://127.0.0.1:9' }
";

const ORDER: &str = "\
pathway: order
summary: Wörter 😀
input: ../schemas/order.json
steps:
  stock: { http: { service: api, get: /stock, query: { item: \"{{ input.item }}\" } } }
  sold_out: { when: steps.stock.body.left < 1, fail: { message: \"😀 {{ steps.stock.status }}\" } }
return: { left: \"{{ steps.stock.body.left }}\" }
";

const TEST: &str = "\
test: order
cases:
  sold:
    input: { item: pen }
    mocks: { stock: { body: { left: 1 } } }
    expect: { return: { left: 1 } }
";

const SCHEMA: &str = "{ \"type\": \"object\", \"required\": [\"item\"], \"properties\": { \"item\": { \"type\": \"string\" } } }";

/// An editor.
struct Editor {
    program: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// What the program told and was not asked for.
    told: VecDeque<Value>,
    asked: i64,
    folder: TempDir,
}

impl Editor {
    fn open() -> Self {
        let folder = TempDir::new().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("pathway.yaml", PROJECT);
        write("pathways/order.pathway.yaml", ORDER);
        write("pathways/order.test.yaml", TEST);
        write("schemas/order.json", SCHEMA);
        let mut program = Command::new(env!("CARGO_BIN_EXE_pathway"))
            .arg("lsp")
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let (input, output) = (program.stdin.take(), BufReader::new(program.stdout.take().unwrap()));
        let mut editor = Self { program, input, output, told: VecDeque::new(), asked: 0, folder };
        let root = editor.uri("");
        let answer =
            editor.ask("initialize", &json!({ "processId": null, "rootUri": root, "capabilities": {} }));
        assert_eq!(answer["capabilities"]["hoverProvider"], true, "{answer}");
        assert_eq!(answer["serverInfo"]["name"], "pathway");
        editor.tell("initialized", &json!({}));
        editor
    }

    fn uri(&self, path: &str) -> String {
        format!("file://{}", self.folder.path().canonicalize().unwrap().join(path).display())
    }

    fn send(&mut self, message: &Value) {
        let text = message.to_string();
        let input = self.input.as_mut().unwrap();
        write!(input, "Content-Length: {}\r\n\r\n{text}", text.len()).unwrap();
        input.flush().unwrap();
    }

    fn receive(&mut self) -> Value {
        let mut length = 0;
        loop {
            let mut line = String::new();
            assert!(self.output.read_line(&mut line).unwrap() > 0, "the program ended");
            match line.trim().split_once(": ") {
                Some(("Content-Length", text)) => length = text.parse().unwrap(),
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        self.output.read_exact(&mut body).unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    fn tell(&mut self, method: &str, params: &Value) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method, "params": params }));
    }

    /// The whole answer.
    fn exchange(&mut self, method: &str, params: &Value) -> Value {
        self.asked += 1;
        let id = self.asked;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        loop {
            let message = self.receive();
            if message["id"] == id {
                return message;
            }
            self.told.push_back(message);
        }
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        let answer = self.exchange(method, params);
        assert!(answer.get("error").is_none(), "{answer}");
        answer["result"].clone()
    }

    /// What is told of a file next.
    fn problems(&mut self, path: &str) -> Vec<Value> {
        let uri = self.uri(path);
        loop {
            let message = match self.told.pop_front() {
                Some(message) => message,
                None => self.receive(),
            };
            if message["method"] == "textDocument/publishDiagnostics" && message["params"]["uri"] == uri {
                return message["params"]["diagnostics"].as_array().unwrap().clone();
            }
        }
    }

    fn open_file(&mut self, path: &str) {
        let text = fs::read_to_string(self.folder.path().join(path)).unwrap();
        let document = json!({ "uri": self.uri(path), "languageId": "yaml", "version": 1, "text": text });
        self.tell("textDocument/didOpen", &json!({ "textDocument": document }));
    }

    fn change(&mut self, path: &str, text: &str) {
        let document = json!({ "uri": self.uri(path), "version": 2 });
        let params = json!({ "textDocument": document, "contentChanges": [{ "text": text }] });
        self.tell("textDocument/didChange", &params);
    }

    /// The place of `¦` in `text`, which is the file's from then on.
    fn at(&mut self, path: &str, text: &str) -> Value {
        let before = &text[..text.find('¦').unwrap()];
        let line = before.matches('\n').count();
        let column = before.rsplit('\n').next().unwrap().encode_utf16().count();
        self.change(path, &text.replacen('¦', "", 1));
        let uri = self.uri(path);
        json!({ "textDocument": { "uri": uri }, "position": { "line": line, "character": column } })
    }

    fn close(mut self) {
        assert_eq!(self.ask("shutdown", &Value::Null), Value::Null);
        self.tell("exit", &Value::Null);
        self.input.take();
        assert!(self.program.wait().unwrap().success());
    }
}

const FILE: &str = "pathways/order.pathway.yaml";

/// The order, with something replaced.
fn order(from: &str, to: &str) -> String {
    assert!(ORDER.contains(from), "{from}");
    ORDER.replacen(from, to, 1)
}

#[test]
fn what_is_wrong_is_told_as_it_is_written() {
    let mut editor = Editor::open();
    editor.open_file(FILE);
    // It is right: nothing is told of it.
    let here = editor.at(FILE, &order("summary:", "¦summary:"));
    editor.ask("textDocument/hover", &here);
    assert!(editor.told.iter().all(|it| it["params"]["diagnostics"] == json!([])), "{:?}", editor.told);
    // What nothing uses is told of the project file, which nobody has open.
    let project = "pathway.yaml";
    editor.open_file(project);
    editor.change(project, &format!("{PROJECT}vars: {{ greeting: Hello }}\n"));
    assert_eq!(editor.problems(project)[0]["severity"], 2);
    editor.change(project, PROJECT);
    assert_eq!(editor.problems(project), Vec::<Value>::new());
    editor.change(FILE, &order("steps.stock.status", "steps.stok.status"));
    let found = editor.problems(FILE);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0]["code"], "PW0504");
    assert_eq!(found[0]["severity"], 1);
    let message = found[0]["message"].as_str().unwrap();
    assert!(message.contains("did you mean `stock`?") && message.contains("explain PW0504"), "{message}");
    // An emoji is two units.
    let line = "  sold_out: { when: steps.stock.body.left < 1, fail: { message: \"";
    let start =
        json!({ "line": 5, "character": line.encode_utf16().count() + "😀 {{ ".encode_utf16().count() });
    assert_eq!(found[0]["range"]["start"], start);
    // Other files know the text that is being written; nothing is saved.
    editor.change(FILE, &order("  sold_out:", "  stock_two: { set: 1, emit: 2 }\n  sold_out:"));
    let found = editor.problems(FILE);
    assert_eq!(found[0]["code"], "PW0211");
    assert_eq!(found[0]["relatedInformation"][0]["message"], "first verb");
    editor.change(FILE, &order("summary: Wörter 😀", "summary: [a"));
    assert_eq!(editor.problems(FILE)[0]["code"], "PW0121");
    editor.change(FILE, ORDER);
    assert_eq!(editor.problems(FILE), Vec::<Value>::new());
    // A test that names what is not there.
    let test = "pathways/order.test.yaml";
    editor.open_file(test);
    editor.change(test, &TEST.replace("mocks: { stock", "mocks: { stok"));
    assert_eq!(editor.problems(test)[0]["code"], "PW0821");
    editor.close();
}

#[test]
fn what_is_asked_is_answered() {
    let mut editor = Editor::open();
    editor.open_file(FILE);

    let here = editor.at(FILE, &order("get: /stock,", "get: /stock, ¦"));
    let proposed = editor.ask("textDocument/completion", &here);
    let labels: Vec<&str> =
        proposed.as_array().unwrap().iter().map(|it| it["label"].as_str().unwrap()).collect();
    assert!(labels.contains(&"headers") && !labels.contains(&"get"), "{labels:?}");
    let headers = proposed.as_array().unwrap().iter().find(|it| it["label"] == "headers").unwrap();
    assert_eq!(headers["textEdit"]["newText"], "headers: ");
    assert!(headers["documentation"]["value"].as_str().unwrap().contains("beside the service's"));

    let here = editor.at(FILE, &order("{{ steps.stock.status }}", "{{ steps.stock.st¦ }}"));
    let proposed = editor.ask("textDocument/completion", &here);
    let status = proposed.as_array().unwrap().iter().find(|it| it["label"] == "status").unwrap();
    let edit = &status["textEdit"]["range"];
    assert_eq!(edit["end"]["character"].as_i64().unwrap() - edit["start"]["character"].as_i64().unwrap(), 2);

    let here = editor.at(FILE, &order("{{ input.item }}", "{{ input.it¦em }}"));
    let told = editor.ask("textDocument/hover", &here);
    assert!(told["contents"]["value"].as_str().unwrap().contains("`input.item`"), "{told}");

    let here = editor.at(FILE, &order("../schemas/order.json", "../schemas/or¦der.json"));
    let found = editor.ask("textDocument/definition", &here);
    assert_eq!(found["uri"], editor.uri("schemas/order.json"));
    let here = editor.at(FILE, &order("service: api", "service: a¦pi"));
    let found = editor.ask("textDocument/definition", &here);
    assert_eq!(found["uri"], editor.uri("pathway.yaml"));
    assert_eq!(found["range"]["start"], json!({ "line": 1, "character": 2 }));

    let here = editor.at(FILE, &order("{{ steps.stock.body.left }}", "{{ steps.st¦ock.body.left }}"));
    let found = editor.ask("textDocument/definition", &here);
    assert_eq!(found["range"]["start"], json!({ "line": 4, "character": 2 }));
    let ready = editor.ask("textDocument/prepareRename", &here);
    assert_eq!(ready["placeholder"], "stock");
    let mut params = here.clone();
    params["newName"] = json!("left");
    let edit = editor.ask("textDocument/rename", &params);
    let mut renamed = Vec::new();
    for change in edit["documentChanges"].as_array().unwrap() {
        let name = Path::new(change["textDocument"]["uri"].as_str().unwrap()).file_name().unwrap().to_owned();
        renamed.push((name.to_str().unwrap().to_owned(), change["edits"].as_array().unwrap().len()));
    }
    assert_eq!(renamed, [("order.pathway.yaml".to_owned(), 4), ("order.test.yaml".to_owned(), 1)]);
    let mut params = here;
    params["newName"] = json!("not a name");
    let refused = editor.exchange("textDocument/rename", &params);
    assert!(
        refused["error"]["message"].as_str().unwrap().contains("cannot be the name of a step"),
        "{refused}"
    );

    let symbols =
        editor.ask("textDocument/documentSymbol", &json!({ "textDocument": { "uri": editor.uri(FILE) } }));
    let steps = symbols.as_array().unwrap().iter().find(|it| it["name"] == "steps").unwrap();
    assert_eq!(steps["children"][1]["name"], "sold_out");
    assert_eq!(steps["children"][1]["detail"], "fail");

    let unknown = editor.exchange("textDocument/nothing", &json!({}));
    assert_eq!(unknown["error"]["code"], -32601);
    editor.close();
}

#[test]
fn an_editor_that_goes_away_ends_the_program() {
    let mut editor = Editor::open();
    editor.input.take();
    let mut rest = String::new();
    editor.output.read_to_string(&mut rest).unwrap();
    assert_eq!(editor.program.wait().unwrap().code(), Some(1));
}
