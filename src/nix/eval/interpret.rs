//! The machine: forcing thunks, evaluating expressions, calling functions.

use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use rustc_hash::FxHashMap;

use super::hir::*;
use super::value::*;
use super::{builtins, prelude};
use crate::nix::source::{FileId, ReadError, Sources, Span, normalise};

/// Steps that one evaluator takes before it stops: a few seconds of work at the very most.
const STEPS: u64 = 20_000_000;
/// Nesting of evaluations; Nix's own limit (`max-call-depth`) is 10,000.
const DEPTH: u32 = 10_000;

/// Evaluates the files of one [`Sources`]. Thunks it gives out are forced by it alone.
pub struct Evaluator {
    sources: Rc<Sources>,
    thunks: RefCell<Vec<State>>,
    frames: RefCell<Vec<FrameData>>,
    imports: RefCell<FxHashMap<PathBuf, Thunk>>,
    files_read: RefCell<Vec<FileId>>,
    globals: RefCell<Option<Rc<AttrSet>>>,
    lib: Cell<Option<Thunk>>,
    steps: Cell<u64>,
    depth: Cell<u32>,
}

/// A computation of this program behind a thunk.
type Native = Box<dyn for<'e> FnOnce(&'e Evaluator) -> Eval<Value>>;

enum State {
    Suspended { unit: Unit, expr: ExprId, frame: Frame },
    Native(Native),
    Busy,
    Done(Eval<Value>),
}

struct FrameData {
    slots: Vec<Thunk>,
    parent: Frame,
}

/// The frame of a file's top level, which holds nothing.
const TOP: Frame = Frame(0);

impl Evaluator {
    /// An evaluator of these files.
    pub fn new(sources: Rc<Sources>) -> Self {
        Evaluator {
            sources,
            thunks: RefCell::default(),
            frames: RefCell::new(vec![FrameData { slots: Vec::new(), parent: TOP }]),
            imports: RefCell::default(),
            files_read: RefCell::default(),
            globals: RefCell::default(),
            lib: Cell::new(None),
            steps: Cell::new(0),
            depth: Cell::new(0),
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

    fn alloc(&self, state: State) -> Thunk {
        let mut thunks = self.thunks.borrow_mut();
        thunks.push(state);
        Thunk(thunks.len() as u32 - 1)
    }

    /// A thunk that is a value already.
    pub fn done(&self, value: Value) -> Thunk {
        self.alloc(State::Done(Ok(value)))
    }

    /// A thunk that is unknown.
    pub fn unknown(&self, unknown: Rc<Unknown>) -> Thunk {
        self.alloc(State::Done(Err(unknown)))
    }

    /// A thunk computed by this program when it is first needed.
    pub fn native(&self, run: impl FnOnce(&Evaluator) -> Eval<Value> + 'static) -> Thunk {
        self.alloc(State::Native(Box::new(run)))
    }

    /// The value of a thunk, computed once.
    pub fn force(&self, thunk: Thunk) -> Eval<Value> {
        let state = {
            let mut thunks = self.thunks.borrow_mut();
            let slot = &mut thunks[thunk.0 as usize];
            if let State::Done(result) = slot {
                return result.clone();
            }
            std::mem::replace(slot, State::Busy)
        };
        let result = match state {
            State::Suspended { unit, expr, frame } => self.eval(&unit, expr, frame),
            State::Native(run) => self.deeper(None, || run(self)),
            State::Busy => Err(Unknown::new(Why::Refused("infinite recursion".into()), None)),
            State::Done(result) => result,
        };
        self.thunks.borrow_mut()[thunk.0 as usize] = State::Done(result.clone());
        result
    }

    fn delay(&self, unit: &Unit, expr: ExprId, frame: Frame) -> Thunk {
        match unit.hir.expr(expr) {
            Expr::Variable(Variable::Local { up, slot }) => self.slot(frame, *up, *slot),
            Expr::Int(_) | Expr::Float(_) => match self.eval(unit, expr, frame) {
                Ok(value) => self.done(value),
                Err(unknown) => self.unknown(unknown),
            },
            _ => self.alloc(State::Suspended { unit: unit.clone(), expr, frame }),
        }
    }

    fn push_frame(&self, slots: Vec<Thunk>, parent: Frame) -> Frame {
        let mut frames = self.frames.borrow_mut();
        frames.push(FrameData { slots, parent });
        Frame(frames.len() as u32 - 1)
    }

    fn frame_at(&self, frame: Frame, up: u32) -> Frame {
        let frames = self.frames.borrow();
        (0..up).fold(frame, |f, _| frames[f.0 as usize].parent)
    }

    fn slot(&self, frame: Frame, up: u32, slot: u32) -> Thunk {
        let frame = self.frame_at(frame, up);
        self.frames.borrow()[frame.0 as usize].slots[slot as usize]
    }

    pub(super) fn deeper<T>(&self, at: Option<Span>, run: impl FnOnce() -> Eval<T>) -> Eval<T> {
        if self.depth.get() >= DEPTH {
            return Err(Unknown::new(Why::Budget("nested too deeply"), at));
        }
        self.depth.set(self.depth.get() + 1);
        let result = stacker::maybe_grow(128 * 1024, 8 * 1024 * 1024, run);
        self.depth.set(self.depth.get() - 1);
        result
    }

    // ---- files ----------------------------------------------------------------------------

    /// The value of a file of the project, as `import` gives it.
    pub fn import(&self, path: &Path, at: Option<Span>) -> Eval<Value> {
        let path = normalise(path);
        let path = if path.is_dir() { path.join("default.nix") } else { path };
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
            return Err(Unknown::new(Why::File(format!("{shown}: no such file")), at));
        }
        let file = self.sources.read(path).map_err(|error| match error {
            ReadError::Io { .. } | ReadError::Refused { .. } | ReadError::Outside { .. } => {
                Unknown::new(Why::File(error.to_string()), at)
            }
        })?;
        let hir = file.hir().map_err(|error| {
            let span = Span { file: file.id(), range: error.at };
            let place = self.sources.place(span).to_string();
            Unknown::new(Why::Syntax { place, span, message: error.message }, at)
        })?;
        let mut read = self.files_read.borrow_mut();
        if !read.contains(&file.id()) {
            read.push(file.id());
        }
        let unit = Unit { file: file.id(), hir };
        let expr = unit.hir.root();
        Ok(self.alloc(State::Suspended { unit, expr, frame: TOP }))
    }

    /// Evaluates the text of this program's own prelude.
    pub(super) fn embedded(&self, name: &str, text: &str) -> Eval<Value> {
        let file = self.sources.insert_text(Path::new(name), text);
        let hir = file.hir().map_err(|error| {
            Unknown::new(Why::Refused(format!("{name}: {}", error.message)), None)
        })?;
        let unit = Unit { file: file.id(), hir };
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
        let at = Span { file: unit.file, range: unit.hir.range(id) };
        self.steps.set(self.steps.get() + 1);
        if self.steps.get() > STEPS {
            return Err(Unknown::new(Why::Budget("too many steps"), Some(at)));
        }
        self.deeper(Some(at), || self.eval_inner(unit, id, frame, at))
    }

    fn eval_inner(&self, unit: &Unit, id: ExprId, frame: Frame, at: Span) -> Eval<Value> {
        let here = Some(at);
        let written = |data| Ok(Value { data, at: here });
        match unit.hir.expr(id) {
            Expr::Int(value) => written(Data::Int(*value)),
            Expr::Float(value) => written(Data::Float(*value)),
            Expr::Str(parts) => self.string(unit, parts, frame, at),
            Expr::Path { kind, parts } => self.path(unit, *kind, parts, frame, at),
            Expr::SearchPath(path) => {
                Err(Unknown::new(Why::File(format!("{path} is not part of the project")), here))
            }
            Expr::Variable(variable) => self.variable(variable, frame, here),
            Expr::List(items) => {
                let items = items.iter().map(|item| self.delay(unit, *item, frame)).collect();
                written(Data::List(Rc::new(List { items, parts: vec![at] })))
            }
            Expr::Set { recursive, bindings } => {
                self.set(unit, *recursive, bindings, frame).and_then(written)
            }
            Expr::Let { bindings, body } => {
                let frame = self.recursive_frame(unit, bindings, frame);
                self.eval(unit, *body, frame)
            }
            Expr::With { set, body } => {
                let set = self.delay(unit, *set, frame);
                let frame = self.push_frame(vec![set], frame);
                self.eval(unit, *body, frame)
            }
            Expr::If { condition, then, otherwise } => {
                let condition = self.eval(unit, *condition, frame)?;
                let branch =
                    if self.as_bool(&condition, here)? { *then } else { *otherwise };
                self.eval(unit, branch, frame)
            }
            Expr::Assert { condition, body } => {
                let value = self.eval(unit, *condition, frame)?;
                if !self.as_bool(&value, here)? {
                    return Err(Unknown::new(Why::Thrown("an assertion failed".into()), here));
                }
                self.eval(unit, *body, frame)
            }
            Expr::Lambda { .. } => {
                written(Data::Lambda(Rc::new(Lambda { unit: unit.clone(), expr: id, frame })))
            }
            Expr::Apply { function, argument } => {
                let function = self.eval(unit, *function, frame)?;
                let argument = self.delay(unit, *argument, frame);
                self.call(&function, argument, here)
            }
            Expr::Select { base, path, default } => {
                let base = self.delay(unit, *base, frame);
                let default = default.map(|d| self.delay(unit, d, frame));
                let path = path.iter().map(|key| self.key(unit, key, frame, here));
                self.select_keys(base, path, default, here)
            }
            Expr::HasAttr { base, path } => {
                let base = self.eval(unit, *base, frame)?;
                let path = path.iter().map(|key| self.key(unit, key, frame, here));
                self.has_attr(base, path, here).and_then(|has| written(Data::Bool(has)))
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
                let file = self.sources.file(at.file).map(|f| f.path().display().to_string());
                let text = |s: String| self.done(Value::synthetic(Data::Str(s.into())));
                let int = |n: u32| self.done(Value::synthetic(Data::Int(n.into())));
                let attribute = |value| Attribute { value, entry: None };
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
                for up in frames {
                    let set = self.force(self.slot(frame, *up, 0))?;
                    let set = self.as_set(&set, at)?;
                    match (set.get(name), &set.open) {
                        (Some(attribute), _) => return self.force(attribute.value),
                        (None, Openness::Open(why)) => {
                            return Err(Unknown::new(why.below(name), at));
                        }
                        (None, Openness::Closed) => {}
                    }
                }
                Err(Unknown::new(Why::Refused(format!("undefined variable `{name}`")), at))
            }
            Variable::Unbound(name) => {
                Err(Unknown::new(Why::Refused(format!("undefined variable `{name}`")), at))
            }
        }
    }

    fn key(&self, unit: &Unit, key: &Key, frame: Frame, at: Option<Span>) -> Eval<Name> {
        match key {
            Key::Name(name) => Ok(name.clone()),
            Key::Expr(expr) => {
                let value = self.eval(unit, *expr, frame)?;
                self.as_str(&value, at).map(|s| Name::from(&*s))
            }
        }
    }

    /// `base.a.b or default`
    pub fn select(
        &self,
        base: Thunk,
        path: &[Name],
        default: Option<Thunk>,
        at: Option<Span>,
    ) -> Eval<Value> {
        self.select_keys(base, path.iter().map(|name| Ok(name.clone())), default, at)
    }

    /// The same for names that are computed: each only when the way to it exists.
    fn select_keys(
        &self,
        base: Thunk,
        path: impl Iterator<Item = Eval<Name>>,
        default: Option<Thunk>,
        at: Option<Span>,
    ) -> Eval<Value> {
        let mut value = self.force(base)?;
        for name in path {
            let name = name?;
            let Data::Set(set) = &value.data else {
                let Some(default) = default else {
                    let kind = value.type_name();
                    let why = format!("`.{name}` of a {kind}, which is no set");
                    return Err(Unknown::new(Why::Refused(why), at));
                };
                return self.force(default);
            };
            value = match (set.get(&name), &set.open, default) {
                (Some(attribute), _, _) => self.force(attribute.value)?,
                (None, Openness::Open(why), _) => return Err(Unknown::new(why.below(&name), at)),
                (None, Openness::Closed, Some(default)) => return self.force(default),
                (None, Openness::Closed, None) => {
                    let why = format!("attribute `{name}` is missing");
                    return Err(Unknown::new(Why::Refused(why), at));
                }
            };
        }
        Ok(value)
    }

    fn has_attr(
        &self,
        base: Value,
        mut path: impl ExactSizeIterator<Item = Eval<Name>>,
        at: Option<Span>,
    ) -> Eval<bool> {
        let mut value = base;
        while let Some(name) = path.next() {
            let name = name?;
            let Data::Set(set) = &value.data else { return Ok(false) };
            match (set.get(&name), &set.open) {
                (Some(attribute), _) => {
                    // The last one need only be there, not have a value.
                    let attribute = *attribute;
                    if path.len() == 0 {
                        return Ok(true);
                    }
                    value = self.force(attribute.value)?;
                }
                (None, Openness::Open(why)) => return Err(Unknown::new(why.below(&name), at)),
                (None, Openness::Closed) => return Ok(false),
            }
        }
        Ok(true)
    }

    fn recursive_frame(&self, unit: &Unit, bindings: &Bindings, parent: Frame) -> Frame {
        let frame = self.push_frame(Vec::new(), parent);
        let mut slots = Vec::with_capacity(bindings.names.len() + bindings.froms.len());
        for (_, binding) in &bindings.names {
            let scope = if binding.outer { parent } else { frame };
            // A variable of the same frame has no slot yet, so it cannot be looked up at once.
            slots.push(match binding.outer {
                true => self.delay(unit, binding.value, scope),
                false => self.alloc(State::Suspended {
                    unit: unit.clone(),
                    expr: binding.value,
                    frame: scope,
                }),
            });
        }
        for from in &bindings.froms {
            slots.push(self.alloc(State::Suspended { unit: unit.clone(), expr: *from, frame }));
        }
        self.frames.borrow_mut()[frame.0 as usize].slots = slots;
        frame
    }

    fn set(
        &self,
        unit: &Unit,
        recursive: bool,
        bindings: &Bindings,
        frame: Frame,
    ) -> Eval<Data> {
        let span = |binding: &Binding| Some(Span { file: unit.file, range: binding.range });
        let mut entries = Vec::with_capacity(bindings.names.len());
        let inner = if recursive {
            self.recursive_frame(unit, bindings, frame)
        } else if bindings.froms.is_empty() {
            frame
        } else {
            let inner = self.push_frame(Vec::new(), frame);
            let froms = bindings.froms.iter();
            let slots = froms
                .map(|f| self.alloc(State::Suspended { unit: unit.clone(), expr: *f, frame: inner }))
                .collect();
            self.frames.borrow_mut()[inner.0 as usize].slots = slots;
            inner
        };
        for (slot, (name, binding)) in bindings.names.iter().enumerate() {
            let value = if recursive {
                self.slot(inner, 0, slot as u32)
            } else {
                let scope = if binding.outer { frame } else { inner };
                self.delay(unit, binding.value, scope)
            };
            entries.push((name.clone(), Attribute { value, entry: span(binding) }));
        }
        for (key, binding) in &bindings.dynamic {
            let key = self.eval(unit, *key, inner)?;
            if matches!(key.data, Data::Null) {
                continue;
            }
            let name = Name::from(&*self.as_str(&key, span(binding))?);
            if entries.iter().any(|(n, _)| *n == name) {
                let why = format!("dynamic attribute `{name}` is already defined");
                return Err(Unknown::new(Why::Refused(why), span(binding)));
            }
            let value = self.delay(unit, binding.value, inner);
            entries.push((name, Attribute { value, entry: span(binding) }));
        }
        Ok(Data::Set(Rc::new(AttrSet::new(entries))))
    }

    fn string(&self, unit: &Unit, parts: &[Part], frame: Frame, at: Span) -> Eval<Value> {
        let written = |data| Ok(Value { data, at: Some(at) });
        if let [Part::Text(text)] = parts {
            return written(Data::Str(text.as_str().into()));
        }
        let mut out = String::new();
        let mut begins_with_path = false;
        for (index, part) in parts.iter().enumerate() {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Expr(expr) => {
                    let value = self.eval(unit, *expr, frame)?;
                    let coerced = self.interpolated(&value, Some(at))?;
                    begins_with_path |= index == 0 && matches!(coerced.data, Data::Path(_));
                    match coerced.data {
                        Data::Str(s) => out.push_str(&s),
                        Data::Path(p) if index == 0 => out.push_str(&p),
                        _ => {
                            let what = "a path copied to the store".to_owned();
                            return Err(Unknown::new(Why::Unsupported(what), Some(at)));
                        }
                    }
                }
            }
        }
        // A string that begins with a path of the project would be a store path to Nix. Its text is
        // not known, but what it names is; it stays a path, so nothing takes it for a plain string.
        match begins_with_path {
            true => written(Data::Path(out.into())),
            false => written(Data::Str(out.into())),
        }
    }

    /// What `${value}` in a string becomes: a string, or a path to be copied.
    pub(super) fn interpolated(&self, value: &Value, at: Option<Span>) -> Eval<Value> {
        self.deeper(at, || self.interpolated_here(value, at))
    }

    fn interpolated_here(&self, value: &Value, at: Option<Span>) -> Eval<Value> {
        match &value.data {
            Data::Str(_) | Data::Path(_) => Ok(value.clone()),
            Data::Set(set) => {
                if let Some(to_string) = set.get("__toString") {
                    let function = self.force(to_string.value)?;
                    let result = self.call(&function, self.done(value.clone()), at)?;
                    return self.interpolated(&result, at);
                }
                let thunk = self.done(value.clone());
                let result = self.select(thunk, &["outPath".into()], None, at)?;
                self.interpolated(&result, at)
            }
            _ => {
                let why = format!("cannot coerce a {} to a string", value.type_name());
                Err(Unknown::new(Why::Refused(why), at))
            }
        }
    }

    fn path(
        &self,
        unit: &Unit,
        kind: PathKind,
        parts: &[Part],
        frame: Frame,
        at: Span,
    ) -> Eval<Value> {
        let mut text = String::new();
        for part in parts {
            match part {
                Part::Text(t) => text.push_str(t),
                Part::Expr(expr) => {
                    let value = self.eval(unit, *expr, frame)?;
                    match self.interpolated(&value, Some(at))?.data {
                        Data::Str(s) | Data::Path(s) => text.push_str(&s),
                        _ => {}
                    }
                }
            }
        }
        let base = match kind {
            PathKind::Absolute => PathBuf::from("/"),
            PathKind::Home => {
                let what = format!("{text} depends on who evaluates");
                return Err(Unknown::new(Why::File(what), Some(at)));
            }
            PathKind::Relative => self
                .sources
                .file(unit.file)
                .and_then(|f| f.path().parent().map(Path::to_path_buf))
                .unwrap_or_default(),
        };
        let path = normalise(&base.join(text));
        Ok(Value { data: Data::Path(path.display().to_string().into()), at: Some(at) })
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
        let bool = |b| Ok(Value { data: Data::Bool(b), at: here });
        let l = self.eval(unit, left, frame)?;
        let right = || self.eval(unit, right, frame);
        match op {
            BinaryOp::And => bool(self.as_bool(&l, here)? && self.as_bool(&right()?, here)?),
            BinaryOp::Or => bool(self.as_bool(&l, here)? || self.as_bool(&right()?, here)?),
            BinaryOp::Implication => {
                bool(!self.as_bool(&l, here)? || self.as_bool(&right()?, here)?)
            }
            BinaryOp::Concat => {
                let r = right()?;
                let (l, r) = (self.as_list(&l, here)?, self.as_list(&r, here)?);
                let mut joined = List::clone(&l);
                joined.items.extend(&r.items);
                joined.parts.extend(&r.parts);
                Ok(Value { data: Data::List(Rc::new(joined)), at: here })
            }
            BinaryOp::Update => {
                let r = right()?;
                let joined = update(&*self.as_set(&l, here)?, &*self.as_set(&r, here)?);
                Ok(Value { data: Data::Set(Rc::new(joined)), at: here })
            }
            BinaryOp::Equal => bool(self.equal(&l, &right()?)?),
            BinaryOp::NotEqual => bool(!self.equal(&l, &right()?)?),
            BinaryOp::Less => bool(self.less(&l, &right()?, here)?),
            BinaryOp::More => bool(self.less(&right()?, &l, here)?),
            BinaryOp::LessOrEqual => bool(!self.less(&right()?, &l, here)?),
            BinaryOp::MoreOrEqual => bool(!self.less(&l, &right()?, here)?),
            BinaryOp::Add => self.add(&l, &right()?, here),
            BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div => {
                super::arith::arithmetic(op, &l, &right()?, here)
            }
        }
    }

    // ---- calls ----------------------------------------------------------------------------

    /// Calls a function value.
    pub fn call(&self, function: &Value, argument: Thunk, at: Option<Span>) -> Eval<Value> {
        match &function.data {
            Data::Lambda(lambda) => self.call_lambda(lambda, argument, at),
            Data::Builtin(builtin) => {
                let mut arguments = builtin.arguments.clone();
                arguments.push(argument);
                if arguments.len() == builtin.primitive.arity {
                    return self.deeper(at, || (builtin.primitive.run)(self, &arguments, at));
                }
                let builtin = Builtin { primitive: builtin.primitive, arguments };
                Ok(Value::synthetic(Data::Builtin(Rc::new(builtin))))
            }
            Data::Set(set) => {
                let Some(functor) = set.get("__functor") else {
                    let why = match &set.open {
                        Openness::Open(why) => why.clone(),
                        Openness::Closed => Why::Refused("a set is no function".into()),
                    };
                    return Err(Unknown::new(why, at));
                };
                let functor = self.force(functor.value)?;
                let bound = self.call(&functor, self.done(function.clone()), at)?;
                self.call(&bound, argument, at)
            }
            _ => {
                let why = format!("a {} is no function", function.type_name());
                Err(Unknown::new(Why::Refused(why), at))
            }
        }
    }

    /// Calls a function with several arguments.
    pub fn call_all(&self, function: &Value, args: &[Thunk], at: Option<Span>) -> Eval<Value> {
        let mut function = function.clone();
        for argument in args {
            function = self.call(&function, *argument, at)?;
        }
        Ok(function)
    }

    fn call_lambda(&self, lambda: &Lambda, argument: Thunk, at: Option<Span>) -> Eval<Value> {
        let Expr::Lambda { param, body } = lambda.unit.hir.expr(lambda.expr) else {
            return Err(Unknown::new(Why::Refused("no function".into()), at));
        };
        let frame = match &**param {
            Param::Ident => self.push_frame(vec![argument], lambda.frame),
            Param::Pattern { formals, ellipsis, whole } => {
                let value = self.force(argument)?;
                let set = self.as_set(&value, at)?;
                if !ellipsis
                    && let Some((name, _)) =
                        set.iter().find(|(n, _)| !formals.iter().any(|(f, ..)| f == *n))
                {
                    let why = format!("the function has no argument `{name}`");
                    return Err(Unknown::new(Why::Refused(why), at));
                }
                let frame = self.push_frame(Vec::new(), lambda.frame);
                let mut slots = Vec::with_capacity(formals.len() + 1);
                for (name, default, _) in formals {
                    slots.push(match (set.get(name), default, &set.open) {
                        (Some(attribute), _, _) => attribute.value,
                        // Whoever passes more than we see may pass this one too.
                        (None, _, Openness::Open(why)) => {
                            self.unknown(Unknown::new(why.below(name), at))
                        }
                        (None, Some(default), Openness::Closed) => self.alloc(State::Suspended {
                            unit: lambda.unit.clone(),
                            expr: *default,
                            frame,
                        }),
                        (None, None, Openness::Closed) => {
                            let why = format!("the argument `{name}` is missing");
                            return Err(Unknown::new(Why::Refused(why), at));
                        }
                    });
                }
                if *whole {
                    slots.push(argument);
                }
                self.frames.borrow_mut()[frame.0 as usize].slots = slots;
                frame
            }
        };
        self.eval(&lambda.unit, *body, frame)
    }

    /// The formals of a function that takes a set: name, and whether it has a default.
    pub fn formals(&self, function: &Value) -> Option<Vec<(Name, bool)>> {
        let Data::Lambda(lambda) = &function.data else { return None };
        match lambda.unit.hir.expr(lambda.expr) {
            Expr::Lambda { param, .. } => match &**param {
                Param::Ident => None,
                Param::Pattern { formals, .. } => {
                    Some(formals.iter().map(|(n, d, _)| (n.clone(), d.is_some())).collect())
                }
            },
            _ => None,
        }
    }
}

/// `left // right`. Where `right` is open, it may override whatever `left` has.
pub(super) fn update(left: &AttrSet, right: &AttrSet) -> AttrSet {
    let mut entries = Vec::with_capacity(left.entries.len() + right.entries.len());
    if right.is_closed() {
        entries.extend(left.entries.iter().filter(|(name, _)| right.get(name).is_none()).cloned());
    }
    entries.extend(right.entries.iter().cloned());
    let mut set = AttrSet::new(entries);
    set.open = match (&left.open, &right.open) {
        (_, Openness::Open(why)) => Openness::Open(why.clone()),
        (open, Openness::Closed) => open.clone(),
    };
    set
}

impl std::fmt::Debug for Evaluator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Evaluator").field("root", &self.sources.root()).finish_non_exhaustive()
    }
}
