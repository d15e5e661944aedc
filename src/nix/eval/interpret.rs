//! The machine: forcing thunks, evaluating expressions, calling functions.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::arena::Arena;
use super::budget::{BYTES_SPENT, Spent};
use super::hir::*;
use super::partial::Gathered;
use super::seen::Seen;
use super::value::*;
use super::{builtins, prelude};
use crate::nix::source::{FileId, ReadError, Sources, Span, normalise};

/// Evaluates the files of one [`Sources`]. Thunks it gives out are forced by it alone.
pub struct Evaluator {
    pub(super) sources: Rc<Sources>,
    pub(super) thunks: RefCell<Arena<State>>,
    frames: RefCell<Arena<FrameData>>,
    slots: RefCell<Arena<Thunk>>,
    pub(super) spent: Spent,
    pub(super) imports: RefCell<FxHashMap<PathBuf, Thunk>>,
    files_read: RefCell<Vec<FileId>>,
    pub(super) seen: Seen,
    globals: RefCell<Option<Rc<AttrSet>>>,
    lib: Cell<Option<Thunk>>,
    pub(super) shared: RefCell<FxHashMap<String, Thunk>>,
    pub(super) notes: RefCell<Vec<Rc<Unknown>>>,
    pub(super) assuming: Cell<bool>,
}

/// A computation of this program behind a thunk.
pub(super) type Native = Box<dyn for<'e> FnOnce(&'e Evaluator) -> Eval<Value>>;

pub(super) enum State {
    Suspended {
        unit: Unit,
        expr: ExprId,
        frame: Frame,
    },
    Native(Native),
    Busy,
    Done(Eval<Value>),
}

/// Where the slots of a frame begin, and the frame around it.
struct FrameData {
    slots: u32,
    parent: Frame,
}

/// The frame of a file's top level, which holds nothing.
const TOP: Frame = Frame(0);
/// What stands for every thunk that there was no memory for.
pub(super) const SPENT: Thunk = Thunk(0);

impl Evaluator {
    /// An evaluator of these files.
    pub fn new(sources: Rc<Sources>) -> Self {
        let mut thunks = Arena::new();
        let spent = Unknown::new(Why::Budget(BYTES_SPENT), None);
        thunks.push(State::Done(Err(spent)));
        let mut frames = Arena::new();
        frames.push(FrameData {
            slots: 0,
            parent: TOP,
        });
        Evaluator {
            sources,
            thunks: RefCell::new(thunks),
            frames: RefCell::new(frames),
            slots: RefCell::new(Arena::new()),
            spent: Spent::default(),
            imports: RefCell::default(),
            files_read: RefCell::default(),
            seen: Seen::default(),
            globals: RefCell::default(),
            lib: Cell::new(None),
            shared: RefCell::default(),
            notes: RefCell::default(),
            assuming: Cell::new(false),
        }
    }

    /// The files it reads from.
    pub fn sources(&self) -> &Rc<Sources> {
        &self.sources
    }

    /// The project's files that took part so far, in order of first use.
    pub fn files_read(&self) -> Vec<FileId> {
        self.files_read.borrow().clone()
    }

    // ---- thunks ---------------------------------------------------------------------------

    pub(super) fn alloc(&self, state: State) -> Thunk {
        if !self.spent.take(size_of::<State>()) {
            return SPENT;
        }
        Thunk(self.thunks.borrow_mut().push(state))
    }

    /// Looks at how far a thunk is computed.
    pub(super) fn peek<T>(&self, thunk: Thunk, look: impl FnOnce(&State) -> T) -> T {
        look(self.thunks.borrow().get(thunk.0))
    }

    /// The value of a thunk, computed once.
    pub fn force(&self, thunk: Thunk) -> Eval<Value> {
        let state = {
            let mut thunks = self.thunks.borrow_mut();
            let slot = thunks.get_mut(thunk.0);
            if let State::Done(result) = slot {
                return result.clone();
            }
            std::mem::replace(slot, State::Busy)
        };
        let result = match state {
            State::Suspended { unit, expr, frame } => self.eval(&unit, expr, frame),
            State::Native(run) => self.deeper(None, || run(self)),
            State::Busy => Err(Unknown::new(
                Why::Refused("infinite recursion".into()),
                None,
            )),
            State::Done(result) => result,
        };
        *self.thunks.borrow_mut().get_mut(thunk.0) = State::Done(result.clone());
        result
    }

    pub(super) fn delay(&self, unit: &Unit, expr: ExprId, frame: Frame) -> Thunk {
        match unit.hir.expr(expr) {
            Expr::Variable(Variable::Local { up, slot }) => {
                self.seen.note(unit.file, expr);
                self.slot(frame, *up, *slot)
            }
            Expr::Int(_) | Expr::Float(_) => match self.eval(unit, expr, frame) {
                Ok(value) => self.done(value),
                Err(unknown) => self.unknown(unknown),
            },
            _ => self.alloc(State::Suspended {
                unit: unit.clone(),
                expr,
                frame,
            }),
        }
    }

    /// A frame of these variables.
    pub(super) fn push_frame(&self, slots: &[Thunk], parent: Frame) -> Frame {
        let frame = self.open_frame(parent);
        self.fill_frame(slots);
        frame
    }

    /// A frame whose variables need it to exist: [`Self::fill_frame`] must come next.
    pub(super) fn open_frame(&self, parent: Frame) -> Frame {
        self.spent.take(size_of::<FrameData>());
        let slots = self.slots.borrow().len() as u32;
        Frame(self.frames.borrow_mut().push(FrameData { slots, parent }))
    }

    /// The variables of the frame that was opened last.
    pub(super) fn fill_frame(&self, thunks: &[Thunk]) {
        self.spent.take(size_of_val(thunks));
        let mut slots = self.slots.borrow_mut();
        debug_assert!({
            let frames = self.frames.borrow();
            frames.get(frames.len() as u32 - 1).slots as usize == slots.len()
        });
        for thunk in thunks {
            slots.push(*thunk);
        }
    }

    pub(super) fn slot(&self, frame: Frame, up: u32, slot: u32) -> Thunk {
        let frames = self.frames.borrow();
        let frame = (0..up).fold(frame, |f, _| frames.get(f.0).parent);
        *self.slots.borrow().get(frames.get(frame.0).slots + slot)
    }

    // ---- files ----------------------------------------------------------------------------

    /// The value of a file of the project, as `import` gives it.
    pub fn import(&self, path: &Path, at: Option<Span>) -> Eval<Value> {
        let path = normalise(path);
        let path = if path.is_dir() {
            path.join("default.nix")
        } else {
            path
        };
        let known = self.imports.borrow().get(&path).copied();
        let thunk = match known {
            Some(thunk) => thunk,
            None => {
                let thunk = self.import_thunk(&path, at)?;
                self.imports.borrow_mut().insert(path, thunk);
                thunk
            }
        };
        self.force(thunk)
    }

    fn import_thunk(&self, path: &Path, at: Option<Span>) -> Eval<Thunk> {
        if path.extension().is_some_and(|e| e != "nix") && !path.exists() {
            let shown = self.sources.shown(path);
            return Err(Unknown::new(
                Why::File(format!("{shown}: no such file")),
                at,
            ));
        }
        let file = self.sources.read(path).map_err(|error| match error {
            ReadError::Io { .. } | ReadError::Refused { .. } | ReadError::Outside { .. } => {
                Unknown::new(Why::File(error.to_string()), at)
            }
        })?;
        let hir = file.hir().map_err(|error| {
            let span = Span {
                file: file.id(),
                range: error.at,
            };
            let place = self.sources.place(span).to_string();
            Unknown::new(
                Why::Syntax {
                    place,
                    span,
                    message: error.message,
                },
                at,
            )
        })?;
        // The tree itself is gone, what it was lowered to stays.
        self.charge(file.text().len() + hir.size(), at)?;
        let mut read = self.files_read.borrow_mut();
        if !read.contains(&file.id()) {
            read.push(file.id());
        }
        let unit = Unit {
            file: file.id(),
            hir,
        };
        let expr = unit.hir.root();
        Ok(self.alloc(State::Suspended {
            unit,
            expr,
            frame: TOP,
        }))
    }

    /// Evaluates a text that travels with this program; `name` is where it says it stands.
    pub fn embedded(&self, name: &str, text: &str) -> Eval<Value> {
        let file = self.sources.insert_text(Path::new(name), text);
        let hir = file.hir().map_err(|error| {
            Unknown::new(Why::Refused(format!("{name}: {}", error.message)), None)
        })?;
        let unit = Unit {
            file: file.id(),
            hir,
        };
        let root = unit.hir.root();
        self.eval(&unit, root, TOP)
    }

    /// nixpkgs' `lib`, as far as the prelude has it.
    pub fn lib(&self) -> Thunk {
        if let Some(lib) = self.lib.get() {
            return lib;
        }
        let lib = self.native(prelude::lib);
        self.lib.set(Some(lib));
        lib
    }

    /// The set `builtins`.
    pub(super) fn globals(&self) -> Rc<AttrSet> {
        if let Some(globals) = &*self.globals.borrow() {
            return Rc::clone(globals);
        }
        let globals = Rc::new(builtins::set(self));
        *self.globals.borrow_mut() = Some(Rc::clone(&globals));
        globals
    }

    // ---- expressions ----------------------------------------------------------------------

    pub(super) fn eval(&self, unit: &Unit, id: ExprId, frame: Frame) -> Eval<Value> {
        let at = Span {
            file: unit.file,
            range: unit.hir.range(id),
        };
        self.deeper(Some(at), || self.eval_inner(unit, id, frame, at))
    }

    fn eval_inner(&self, unit: &Unit, id: ExprId, frame: Frame, at: Span) -> Eval<Value> {
        self.seen.note(unit.file, id);
        let here = Some(at);
        let written = |data| Ok(Value { data, at: here });
        match unit.hir.expr(id) {
            Expr::Int(value) => written(Data::Int(*value)),
            Expr::Float(value) => written(Data::Float(*value)),
            Expr::Str(parts) => self.string(unit, parts, frame, at),
            Expr::Path { kind, parts } => self.path(unit, *kind, parts, frame, at),
            Expr::SearchPath(path) => {
                // `<nixpkgs/nixos>` names what this program knows of it, if it does.
                let provided =
                    PathBuf::from(format!("/{}", path.replace('>', "").replacen('/', ">/", 1)));
                let provided = match path.contains('/') {
                    true => provided,
                    false => PathBuf::from(format!("/{path}")),
                };
                match self.imports.borrow().contains_key(&provided) {
                    true => written(Data::Path(provided.display().to_string().into())),
                    false => Err(Unknown::new(
                        Why::File(format!("{path} is not part of the project")),
                        here,
                    )),
                }
            }
            Expr::Variable(variable) => self.variable(variable, frame, here),
            Expr::List(items) => {
                self.charge(80 + items.len() * 4, here)?;
                let items = items
                    .iter()
                    .map(|item| self.delay(unit, *item, frame))
                    .collect();
                written(Data::List(Rc::new(List {
                    items,
                    parts: vec![at],
                })))
            }
            Expr::Set {
                recursive,
                bindings,
            } => self
                .bound_set(unit, *recursive, bindings, frame)
                .and_then(written),
            Expr::Let { bindings, body } => {
                let frame = self.recursive_frame(unit, bindings, frame);
                self.eval(unit, *body, frame)
            }
            Expr::With { set, body } => {
                let set = self.delay(unit, *set, frame);
                let frame = self.push_frame(&[set], frame);
                self.eval(unit, *body, frame)
            }
            Expr::If {
                condition,
                then,
                otherwise,
            } => {
                let condition = self.eval(unit, *condition, frame)?;
                let branch = if self.as_bool(&condition, here)? {
                    *then
                } else {
                    *otherwise
                };
                self.eval(unit, branch, frame)
            }
            Expr::Assert { condition, body } => {
                let value = self.eval(unit, *condition, frame)?;
                if !self.as_bool(&value, here)? {
                    return Err(Unknown::new(
                        Why::Thrown("an assertion failed".into()),
                        here,
                    ));
                }
                self.eval(unit, *body, frame)
            }
            Expr::Lambda { .. } => written(Data::Lambda(Rc::new(Lambda {
                unit: unit.clone(),
                expr: id,
                frame,
            }))),
            Expr::Apply { function, argument } => {
                let function = self.eval(unit, *function, frame)?;
                let argument = self.delay(unit, *argument, frame);
                self.call(&function, argument, here)
            }
            Expr::Select {
                base,
                path,
                default,
            } => {
                let base = self.delay(unit, *base, frame);
                let default = default.map(|d| self.delay(unit, d, frame));
                let path = path.iter().map(|key| self.key(unit, key, frame, here));
                self.select_keys(base, path, default, here)
            }
            Expr::HasAttr { base, path } => {
                let base = self.eval(unit, *base, frame)?;
                let path = path.iter().map(|key| self.key(unit, key, frame, here));
                self.has_attr(base, path, here)
                    .and_then(|has| written(Data::Bool(has)))
            }
            Expr::Binary { op, left, right } => self.binary(unit, *op, *left, *right, frame, at),
            Expr::Not(operand) => {
                let value = self.eval(unit, *operand, frame)?;
                written(Data::Bool(!self.as_bool(&value, here)?))
            }
            Expr::Negate(operand) => {
                let value = self.eval(unit, *operand, frame)?;
                super::arith::negate(&value, here)
            }
            Expr::CurPos => {
                let place = self.sources.place(at);
                let file = self
                    .sources
                    .file(at.file)
                    .map(|f| f.path().display().to_string());
                let text = |s: String| self.text(&s);
                let int = |n: u32| self.done(Value::synthetic(Data::Int(n.into())));
                let attribute = Attribute::new;
                written(Data::Set(Rc::new(AttrSet::new(vec![
                    ("column".into(), attribute(int(place.column))),
                    ("file".into(), attribute(text(file.unwrap_or_default()))),
                    ("line".into(), attribute(int(place.line))),
                ]))))
            }
            Expr::FromInherit { up, slot, name } => {
                let from = self.slot(frame, *up, *slot);
                self.select(from, std::slice::from_ref(name), None, here)
            }
            Expr::Invalid(why) => Err(Unknown::new(Why::Refused((*why).into()), here)),
        }
    }

    fn variable(&self, variable: &Variable, frame: Frame, at: Option<Span>) -> Eval<Value> {
        match variable {
            Variable::Local { up, slot } => self.force(self.slot(frame, *up, *slot)),
            Variable::Global(name) => builtins::global(self, name, at),
            Variable::With { name, frames } => {
                let mut perhaps = None;
                for up in frames {
                    let set = self.force(self.slot(frame, *up, 0))?;
                    let set = self.as_set(&set, at)?;
                    match (set.get(name), &set.open) {
                        (Some(attribute), _) => return self.force(attribute.value),
                        // `with lib; with types; mkOption …`: what a library is not known to have
                        // is looked for further out.
                        (None, Openness::Open(why @ Why::Library(_))) => {
                            perhaps = perhaps.or_else(|| Some(why.clone()));
                        }
                        (None, Openness::Open(why)) => return why.absent(name, at),
                        (None, Openness::Closed) => {}
                    }
                }
                let undefined = || Why::Refused(format!("undefined variable `{name}`"));
                Err(Unknown::new(perhaps.unwrap_or_else(undefined), at))
            }
            Variable::Unbound(name) => Err(Unknown::new(
                Why::Refused(format!("undefined variable `{name}`")),
                at,
            )),
        }
    }

    fn binary(
        &self,
        unit: &Unit,
        op: BinaryOp,
        left: ExprId,
        right: ExprId,
        frame: Frame,
        at: Span,
    ) -> Eval<Value> {
        let here = Some(at);
        let bool = |b| {
            Ok(Value {
                data: Data::Bool(b),
                at: here,
            })
        };
        let left = || self.eval(unit, left, frame);
        let right = || self.eval(unit, right, frame);
        match op {
            BinaryOp::Concat => {
                let mut joined = Gathered::new(self);
                for side in [left(), right()] {
                    joined.extend(side.and_then(|v| self.as_list(&v, here)), here)?;
                }
                joined.finish(here)
            }
            BinaryOp::And => bool(self.as_bool(&left()?, here)? && self.as_bool(&right()?, here)?),
            BinaryOp::Or => bool(self.as_bool(&left()?, here)? || self.as_bool(&right()?, here)?),
            BinaryOp::Implication => {
                bool(!self.as_bool(&left()?, here)? || self.as_bool(&right()?, here)?)
            }
            BinaryOp::Update => {
                let (l, r) = (left()?, right()?);
                let (l, r) = (self.as_set(&l, here)?, self.as_set(&r, here)?);
                self.charge_set(l.entries.len() + r.entries.len(), here)?;
                let joined = update(&l, &r);
                Ok(Value {
                    data: Data::Set(Rc::new(joined)),
                    at: here,
                })
            }
            BinaryOp::Equal => bool(self.equal(&left()?, &right()?)?),
            BinaryOp::NotEqual => bool(!self.equal(&left()?, &right()?)?),
            BinaryOp::Less => bool(self.less(&left()?, &right()?, here)?),
            BinaryOp::More => {
                let l = left()?;
                bool(self.less(&right()?, &l, here)?)
            }
            BinaryOp::LessOrEqual => {
                let l = left()?;
                bool(!self.less(&right()?, &l, here)?)
            }
            BinaryOp::MoreOrEqual => bool(!self.less(&left()?, &right()?, here)?),
            BinaryOp::Add => self.add(&left()?, &right()?, here),
            BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div => {
                super::arith::arithmetic(op, &left()?, &right()?, here)
            }
        }
    }
}

impl std::fmt::Debug for Evaluator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Evaluator")
            .field("root", &self.sources.root())
            .finish_non_exhaustive()
    }
}
