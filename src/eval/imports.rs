//! Shared code: `import "lib/x" as x;` means `recipes/lib/x.rhai`.
//!
//! What is imported must be a plain string in the text, so that all of it is known, read, and checked for circles before
//! anything runs. The engine then only finds modules that are ready; it never reads a file.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use miette::SourceSpan;
use rhai::module_resolvers::ModuleResolver;
use rhai::{Dynamic, Engine, EvalAltResult, Module, Position, Scope, Shared};

use super::RECIPES;
use super::engine::Stage;
use super::explain::explain;
use super::files::{Files, FilesError};
use super::mistake::{Complaint, Mistake, RecipeError};
use super::scan::Text;
use crate::path::TreePath;

/// Modules that are ready, by what imports call them.
#[derive(Clone, Default)]
pub(super) struct Ready(Arc<Mutex<BTreeMap<String, Shared<Module>>>>);

impl ModuleResolver for Ready {
    fn resolve(
        &self,
        _: &Engine,
        _: Option<&str>,
        path: &str,
        place: Position,
    ) -> Result<Shared<Module>, Box<EvalAltResult>> {
        let ready = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        ready.get(path).cloned().ok_or_else(|| EvalAltResult::ErrorModuleNotFound(path.to_owned(), place).into())
    }
}

/// Loads shared code as texts ask for it.
pub(super) struct Loader<'a> {
    files: &'a dyn Files,
    stage: Stage,
    ready: Ready,
    /// Every file of shared code that was tried, by path, with whether it can be used.
    pub texts: BTreeMap<String, (Arc<Text>, bool)>,
    pub errors: Vec<RecipeError>,
}

impl<'a> Loader<'a> {
    pub fn new(files: &'a dyn Files, stage: Stage, ready: Ready) -> Self {
        Self { files, stage, ready, texts: BTreeMap::new(), errors: Vec::new() }
    }

    /// Loads everything that `text` imports, directly or through others. `true` where it can be run.
    pub fn load_for(&mut self, engine: &Engine, text: &Arc<Text>) -> bool {
        self.load(engine, text, &mut Vec::new())
    }

    fn load(&mut self, engine: &Engine, text: &Arc<Text>, under_way: &mut Vec<String>) -> bool {
        let mut usable = true;
        for token in 0..text.tokens().len() {
            // Words are only words outside of strings and comments, so this is an import, or a syntax error.
            if text.str(token) != "import" || token > 0 && text.str(token - 1) == "." {
                continue;
            }
            let result = match text.text_value(token + 1) {
                Some(name) if text.str(token + 2) == "as" || text.str(token + 2) == ";" => {
                    let name = name.to_owned();
                    self.import(engine, &name, (text, text.span(token + 1)), under_way)
                }
                _ => {
                    let complaint = Complaint::new(Mistake::Import, "an import needs a plain string")
                        .help("write `import \"lib/name\" as name;`");
                    self.errors.push(RecipeError::new(text, text.span(token), complaint));
                    false
                }
            };
            usable &= result;
        }
        usable
    }

    fn import(
        &mut self,
        engine: &Engine,
        name: &str,
        (text, span): (&Arc<Text>, SourceSpan),
        under_way: &mut Vec<String>,
    ) -> bool {
        let mut refuse = |complaint| self.errors.push(RecipeError::new(text, span, complaint));
        if let Err(complaint) = check_name(name) {
            refuse(complaint);
            return false;
        }
        let path = format!("{RECIPES}/{name}.rhai");
        if under_way.contains(&path) || text.name() == path {
            let complaint = Complaint::new(Mistake::Import, format!("`{name}` imports itself in a circle"));
            refuse(complaint.help("move what both need to a file of its own"));
            return false;
        }
        if let Some((_, usable)) = self.texts.get(&path) {
            return *usable;
        }
        let raw = match self.files.read(&path) {
            Ok(raw) => raw,
            Err(FilesError::Missing { .. }) => {
                let complaint = Complaint::new(Mistake::Import, format!("there is no `{path}`"));
                refuse(complaint.help("name a file of shared code relative to `recipes/`, without `.rhai`"));
                return false;
            }
            Err(error) => {
                self.errors.push(RecipeError::of_files(&path, &error));
                return false;
            }
        };
        let text = Arc::new(Text::new(path.clone(), raw));
        // Nested deeper than the engine allows anyway; a bound for this function's own recursion.
        under_way.push(path.clone());
        let usable = under_way.len() < 32 && self.load(engine, &text, under_way) && self.make(engine, name, &text);
        under_way.pop();
        self.texts.insert(path, (text, usable));
        usable
    }

    fn make(&mut self, engine: &Engine, name: &str, text: &Arc<Text>) -> bool {
        self.stage.begin(None);
        let made = engine.compile(text.code()).map_err(Into::into).and_then(|mut ast| {
            ast.set_source(text.name());
            let module = Module::eval_ast_as_new(Scope::new(), &ast, engine)?;
            self.stage.sound(Dynamic::UNIT).map(drop)?;
            Ok(module)
        });
        self.stage.end();
        match made {
            Ok(mut module) => {
                module.set_id(text.name());
                let mut ready = self.ready.0.lock().unwrap_or_else(PoisonError::into_inner);
                ready.insert(name.to_owned(), module.into());
                true
            }
            Err(error) => {
                let error = explain(text, &self.texts, error);
                self.errors.push(error);
                false
            }
        }
    }
}

fn check_name(name: &str) -> Result<(), Complaint> {
    let refuse = |message: String, help: &str| Err(Complaint::new(Mistake::Import, message).help(help));
    if name.contains('\\') || name.contains(char::is_control) || name.parse::<TreePath>().is_err() {
        return refuse(
            format!("`{name}` is not a path below `recipes/`"),
            "name a file relative to `recipes/`, without `.` and `..`, as in `import \"lib/name\" as name;`",
        );
    }
    if name.ends_with(".rhai") {
        return refuse(format!("`{name}` has an ending"), "leave out `.rhai`");
    }
    if !name.contains('/') || name.ends_with("/recipe") {
        return refuse(
            format!("`{name}` is a recipe, not shared code"),
            "move what both need to `recipes/lib/` and import it from there",
        );
    }
    Ok(())
}
