//! The regular expressions of `match` and `split`.
//!
//! Nix hands them to C++'s `std::regex` with the `extended` grammar, on bytes, in the C locale. What
//! a group holds depends on the order in which its matcher searches, so this one searches in the
//! same order: depth first, the longer branch of a repetition first, the left alternative first, and
//! of several matches at one place the longest. Read from libstdc++'s `bits/regex_scanner.tcc`,
//! `regex_compiler.tcc` and `regex_executor.tcc` (GCC 13).

/// States that one expression may have.
const STATES: usize = 20_000;
/// Steps that one search may take.
const STEPS: u32 = 1_000_000;
/// Nesting of one search.
const DEPTH: u32 = 200_000;

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// `std::regex` refuses the expression.
    Invalid(&'static str),
    /// What it says there depends on the library or the locale.
    Unclear(&'static str),
    /// It takes too long.
    Costly,
}

/// Where a group matched.
pub(super) type Group = Option<(usize, usize)>;

/// A set of bytes.
type Bytes = [bool; 256];

#[derive(Debug, Clone)]
enum State {
    One(Box<Bytes>),
    Begin,
    End,
    Open(usize),
    Close(usize),
    /// Two ways on, the first of them first.
    Either(usize),
    /// The first way leads round a loop.
    Loop(usize),
    Pass,
    Accept,
}

/// A compiled expression.
#[derive(Debug)]
pub(super) struct Regex {
    /// Each state with the state that follows.
    states: Vec<(State, usize)>,
    start: usize,
    groups: usize,
}

/// A piece of the automaton: where it begins, and the state whose successor is still open.
#[derive(Debug, Clone, Copy)]
struct Piece {
    start: usize,
    end: usize,
}

const OPEN_END: usize = usize::MAX;

struct Parser<'a> {
    text: &'a [u8],
    at: usize,
    states: Vec<(State, usize)>,
    groups: usize,
    depth: u32,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn state(&mut self, state: State) -> Result<Piece, Failure> {
        if self.states.len() >= STATES {
            return Err(Failure::Costly);
        }
        self.states.push((state, OPEN_END));
        let index = self.states.len() - 1;
        Ok(Piece {
            start: index,
            end: index,
        })
    }

    fn then(&mut self, first: Piece, second: Piece) -> Piece {
        self.states[first.end].1 = second.start;
        Piece {
            start: first.start,
            end: second.end,
        }
    }

    fn disjunction(&mut self) -> Result<Piece, Failure> {
        self.depth += 1;
        if self.depth > 200 {
            return Err(Failure::Costly);
        }
        let mut left = self.alternative()?;
        while self.eat(b'|') {
            let right = self.alternative()?;
            let end = self.state(State::Pass)?;
            self.states[left.end].1 = end.start;
            self.states[right.end].1 = end.start;
            let either = self.state(State::Either(left.start))?;
            self.states[either.start].1 = right.start;
            left = Piece {
                start: either.start,
                end: end.end,
            };
        }
        self.depth -= 1;
        Ok(left)
    }

    fn alternative(&mut self) -> Result<Piece, Failure> {
        let mut all = self.state(State::Pass)?;
        loop {
            let term = match self.peek() {
                None | Some(b'|' | b')') => return Ok(all),
                Some(b'^') => {
                    self.at += 1;
                    self.state(State::Begin)?
                }
                Some(b'$') => {
                    self.at += 1;
                    self.state(State::End)?
                }
                Some(b'*' | b'+' | b'?' | b'{') => {
                    return Err(Failure::Invalid("nothing to repeat"));
                }
                Some(_) => self.repeated()?,
            };
            all = self.then(all, term);
        }
    }

    fn repeated(&mut self) -> Result<Piece, Failure> {
        let first = self.states.len();
        let mut piece = self.atom()?;
        loop {
            match self.peek() {
                Some(b'*') => {
                    self.at += 1;
                    piece = self.star(piece)?;
                }
                Some(b'+') => {
                    self.at += 1;
                    let round = self.state(State::Loop(piece.start))?;
                    piece = self.then(piece, round);
                }
                Some(b'?') => {
                    self.at += 1;
                    piece = self.maybe(piece)?;
                }
                Some(b'{') => {
                    self.at += 1;
                    piece = self.interval(first, piece)?;
                }
                _ => return Ok(piece),
            }
        }
    }

    fn star(&mut self, piece: Piece) -> Result<Piece, Failure> {
        let round = self.state(State::Loop(piece.start))?;
        self.states[piece.end].1 = round.start;
        Ok(round)
    }

    fn maybe(&mut self, piece: Piece) -> Result<Piece, Failure> {
        let end = self.state(State::Pass)?;
        let either = self.state(State::Either(piece.start))?;
        self.states[piece.end].1 = end.start;
        self.states[either.start].1 = end.start;
        Ok(Piece {
            start: either.start,
            end: end.end,
        })
    }

    fn interval(&mut self, first: usize, piece: Piece) -> Result<Piece, Failure> {
        let least = self
            .number()?
            .ok_or(Failure::Invalid("a broken interval"))?;
        let most = match self.eat(b',') {
            true => self.number()?,
            false => Some(least),
        };
        if !self.eat(b'}') {
            return Err(Failure::Invalid("a broken interval"));
        }
        let last = self.states.len();
        let mut all = self.state(State::Pass)?;
        for _ in 0..least {
            let copy = self.copy(first, last, piece)?;
            all = self.then(all, copy);
        }
        let Some(most) = most else {
            let copy = self.copy(first, last, piece)?;
            let round = self.star(copy)?;
            return Ok(self.then(all, round));
        };
        if most < least {
            return Err(Failure::Invalid("an interval that ends before it begins"));
        }
        let end = self.state(State::Pass)?;
        for _ in least..most {
            let copy = self.copy(first, last, piece)?;
            // Each further time is tried before the end.
            let either = self.state(State::Either(copy.start))?;
            self.states[either.start].1 = end.start;
            self.states[all.end].1 = either.start;
            all.end = copy.end;
        }
        Ok(self.then(all, end))
    }

    /// The states from `first` to `last` once more; groups keep their numbers.
    fn copy(&mut self, first: usize, last: usize, piece: Piece) -> Result<Piece, Failure> {
        let shift = self.states.len() - first;
        if self.states.len() + (last - first) > STATES {
            return Err(Failure::Costly);
        }
        let moved = |index: usize| match (first..last).contains(&index) {
            true => index + shift,
            false => index,
        };
        for index in first..last {
            let (state, next) = self.states[index].clone();
            let state = match state {
                State::Either(way) => State::Either(moved(way)),
                State::Loop(way) => State::Loop(moved(way)),
                other => other,
            };
            self.states.push((state, moved(next)));
        }
        // The pattern itself may already lead on.
        let copy = Piece {
            start: moved(piece.start),
            end: moved(piece.end),
        };
        self.states[copy.end].1 = OPEN_END;
        Ok(copy)
    }

    fn number(&mut self) -> Result<Option<u32>, Failure> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        let digits = std::str::from_utf8(&self.text[start..self.at]).unwrap_or_default();
        match digits {
            "" => Ok(None),
            _ => digits.parse().map(Some).map_err(|_| Failure::Costly),
        }
    }

    fn atom(&mut self) -> Result<Piece, Failure> {
        let byte = self.peek().unwrap_or_default();
        self.at += 1;
        let set = match byte {
            b'(' => {
                self.groups += 1;
                let number = self.groups;
                let open = self.state(State::Open(number))?;
                let inner = self.disjunction()?;
                if !self.eat(b')') {
                    return Err(Failure::Invalid("a parenthesis is not closed"));
                }
                let close = self.state(State::Close(number))?;
                let opened = self.then(open, inner);
                return Ok(self.then(opened, close));
            }
            b'.' => {
                let mut set = [true; 256];
                set[0] = false;
                set
            }
            b'[' => self.bracket()?,
            b'\\' => {
                let Some(escaped) = self.peek() else {
                    return Err(Failure::Invalid("it ends in a backslash"));
                };
                self.at += 1;
                if !b".[\\()*+?{|^$".contains(&escaped) {
                    return Err(Failure::Invalid("a backslash before an ordinary character"));
                }
                only(escaped)
            }
            other => only(other),
        };
        self.state(State::One(Box::new(set)))
    }

    fn bracket(&mut self) -> Result<Bytes, Failure> {
        let negated = self.eat(b'^');
        let mut set = [false; 256];
        let first = self.at;
        loop {
            let Some(byte) = self.peek() else {
                return Err(Failure::Invalid("a bracket is not closed"));
            };
            if byte == b']' && self.at != first {
                self.at += 1;
                break;
            }
            if byte == b'[' && matches!(self.text.get(self.at + 1), Some(b'.' | b'=')) {
                return Err(Failure::Unclear("a collating element"));
            }
            if byte == b'[' && self.text.get(self.at + 1) == Some(&b':') {
                self.class(&mut set)?;
                // A range cannot begin at a class.
                if self.peek() == Some(b'-') && self.text.get(self.at + 1) != Some(&b']') {
                    return Err(Failure::Unclear("a range that begins at a class"));
                }
                continue;
            }
            if !byte.is_ascii() {
                return Err(Failure::Unclear(
                    "a bracket with a character that is not ASCII",
                ));
            }
            self.at += 1;
            let is_range =
                self.peek() == Some(b'-') && self.text.get(self.at + 1).is_some_and(|b| *b != b']');
            if byte == b'-' && self.at - 1 != first && self.peek() != Some(b']') {
                return Err(Failure::Unclear("a hyphen within a bracket"));
            }
            if !is_range {
                set[usize::from(byte)] = true;
                continue;
            }
            let last = self.text[self.at + 1];
            if byte == b'-' || last == b'-' || last == b'[' || !last.is_ascii() {
                return Err(Failure::Unclear("the end of a range"));
            }
            if last < byte {
                return Err(Failure::Invalid("a range that ends before it begins"));
            }
            self.at += 2;
            (byte..=last).for_each(|b| set[usize::from(b)] = true);
        }
        if negated {
            set.iter_mut().for_each(|b| *b = !*b);
        }
        Ok(set)
    }

    fn class(&mut self, set: &mut Bytes) -> Result<(), Failure> {
        let rest = &self.text[self.at + 2..];
        let Some(length) = rest.windows(2).position(|w| w == b":]") else {
            return Err(Failure::Invalid("a class is not closed"));
        };
        let test: fn(&u8) -> bool = match &rest[..length] {
            b"alnum" => u8::is_ascii_alphanumeric,
            b"alpha" => u8::is_ascii_alphabetic,
            b"blank" => |b| matches!(b, b' ' | b'\t'),
            b"cntrl" => u8::is_ascii_control,
            b"digit" | b"d" => u8::is_ascii_digit,
            b"graph" => u8::is_ascii_graphic,
            b"lower" => u8::is_ascii_lowercase,
            b"print" => |b| matches!(b, b' '..=b'~'),
            b"punct" => u8::is_ascii_punctuation,
            b"space" | b"s" => |b| matches!(b, b' ' | b'\t'..=b'\r'),
            b"upper" => u8::is_ascii_uppercase,
            b"xdigit" => u8::is_ascii_hexdigit,
            b"w" => |b| b.is_ascii_alphanumeric() || *b == b'_',
            _ => return Err(Failure::Invalid("no such class")),
        };
        for byte in 0..=127u8 {
            set[usize::from(byte)] |= test(&byte);
        }
        self.at += 2 + length + 2;
        Ok(())
    }
}

fn only(byte: u8) -> Bytes {
    let mut set = [false; 256];
    set[usize::from(byte)] = true;
    set
}

/// One search from one place.
struct Search<'a> {
    regex: &'a Regex,
    text: &'a [u8],
    /// Where it begins.
    from: usize,
    /// Whether `^` holds there.
    first: bool,
    /// Whether the whole text must match.
    whole: bool,
    /// Whether an empty match counts.
    empty: bool,
    groups: Vec<(usize, Group)>,
    /// Of each loop: where it last began anew, and how often there.
    rounds: Vec<(usize, u8)>,
    best: Option<(usize, Vec<Group>)>,
    steps: u32,
    depth: u32,
}

impl Search<'_> {
    /// Follows `state` at `position`; true ends the search.
    fn follow(&mut self, mut state: usize, mut position: usize) -> Result<bool, Failure> {
        loop {
            self.steps += 1;
            if self.steps > STEPS {
                return Err(Failure::Costly);
            }
            let regex = self.regex;
            let (kind, next) = &regex.states[state];
            match kind {
                State::One(set) => match self.text.get(position) {
                    Some(byte) if set[usize::from(*byte)] => position += 1,
                    _ => return Ok(false),
                },
                State::Begin if position == self.from && self.first => {}
                State::End if position == self.text.len() => {}
                State::Begin | State::End => return Ok(false),
                State::Pass => {}
                State::Accept => return Ok(self.accept(position)),
                State::Open(number) => {
                    let old = self.groups[*number];
                    self.groups[*number].0 = position;
                    let over = self.deeper(*next, position)?;
                    self.groups[*number].0 = old.0;
                    return Ok(over);
                }
                State::Close(number) => {
                    let old = self.groups[*number];
                    self.groups[*number].1 = Some((old.0, position));
                    let over = self.deeper(*next, position)?;
                    self.groups[*number] = old;
                    return Ok(over);
                }
                State::Either(way) => {
                    if self.deeper(*way, position)? {
                        return Ok(true);
                    }
                }
                State::Loop(way) => {
                    let old = self.rounds[state];
                    // At one place a loop may go round twice without getting on.
                    let round = match old {
                        (at, count) if count == 0 || at != position => Some((position, 1)),
                        (at, 1) => Some((at, 2)),
                        _ => None,
                    };
                    if let Some(round) = round {
                        self.rounds[state] = round;
                        let over = self.deeper(*way, position)?;
                        self.rounds[state] = old;
                        if over {
                            return Ok(true);
                        }
                    }
                }
            }
            state = *next;
        }
    }

    fn deeper(&mut self, state: usize, position: usize) -> Result<bool, Failure> {
        if self.depth >= DEPTH {
            return Err(Failure::Costly);
        }
        self.depth += 1;
        let over = stacker::maybe_grow(32 * 1024, 1024 * 1024, || self.follow(state, position));
        self.depth -= 1;
        over
    }

    /// Notes a match that ends at `position`, and says whether there can be no better one.
    fn accept(&mut self, position: usize) -> bool {
        if self.whole && position != self.text.len() || !self.empty && position == self.from {
            return false;
        }
        // Of the longest matches, the first that was found.
        if self.best.as_ref().is_none_or(|(end, _)| position > *end) {
            let groups = self.groups.iter().map(|(_, group)| *group).collect();
            self.best = Some((position, groups));
        }
        position == self.text.len()
    }
}

impl Regex {
    /// Compiles an expression.
    pub(super) fn new(text: &str) -> Result<Regex, Failure> {
        let mut parser = Parser {
            text: text.as_bytes(),
            at: 0,
            states: Vec::new(),
            groups: 0,
            depth: 0,
        };
        let all = parser.disjunction()?;
        if parser.at != parser.text.len() {
            return Err(Failure::Invalid("a parenthesis is not opened"));
        }
        let accept = parser.state(State::Accept)?;
        parser.then(all, accept);
        Ok(Regex {
            states: parser.states,
            start: all.start,
            groups: parser.groups,
        })
    }

    fn search_at(
        &self,
        text: &[u8],
        from: usize,
        (first, whole, empty): (bool, bool, bool),
        steps: &mut u32,
    ) -> Result<Option<Vec<Group>>, Failure> {
        let mut search = Search {
            regex: self,
            text,
            from,
            first,
            whole,
            empty,
            groups: vec![(0, None); self.groups + 1],
            rounds: vec![(0, 0); self.states.len()],
            best: None,
            steps: *steps,
            depth: 0,
        };
        search.follow(self.start, from)?;
        *steps = search.steps;
        Ok(search.best.map(|(end, mut groups)| {
            groups[0] = Some((from, end));
            groups
        }))
    }

    /// The groups of the expression if it matches the whole text.
    pub(super) fn full_match(&self, text: &str) -> Result<Option<Vec<Group>>, Failure> {
        self.search_at(text.as_bytes(), 0, (true, true, true), &mut 0)
            .map(|groups| groups.map(|mut g| g.split_off(1)))
    }

    /// All matches in order, as `std::regex_iterator` finds them: the whole match first, then its
    /// groups.
    pub(super) fn matches(&self, text: &str) -> Result<Vec<Vec<Group>>, Failure> {
        let bytes = text.as_bytes();
        let mut steps = 0;
        let mut all: Vec<Vec<Group>> = Vec::new();
        let mut from = 0;
        loop {
            // After an empty match, one that is not empty is sought at the same place first.
            if let Some(Some((start, end))) = all.last().map(|m| m[0])
                && start == end
            {
                if end == bytes.len() {
                    return Ok(all);
                }
                match self.search_at(bytes, end, (false, false, false), &mut steps)? {
                    Some(found) => {
                        from = found[0].map_or(from, |(_, end)| end);
                        all.push(found);
                        continue;
                    }
                    None => from = end + 1,
                }
            }
            let mut found = None;
            while found.is_none() && from <= bytes.len() {
                let how = (from == 0 && all.is_empty(), false, true);
                found = self.search_at(bytes, from, how, &mut steps)?;
                from += 1;
            }
            match found {
                Some(groups) => {
                    from = groups[0].map_or(from, |(_, end)| end);
                    all.push(groups);
                }
                None => return Ok(all),
            }
        }
    }
}
