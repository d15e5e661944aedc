# What nixpkgs has in lib/lists.nix (26.11). Before 23.11, foldl' did not force its start value.
lib:
let
  inherit (builtins) seq;
in
rec {
  inherit (builtins)
    all
    any
    concatLists
    concatMap
    elem
    elemAt
    filter
    genList
    groupBy
    head
    isList
    length
    map
    partition
    sort
    tail
    ;
  singleton = x: [ x ];
  forEach = xs: f: map f xs;
  foldr =
    op: end: xs:
    let
      n = length xs;
      go = i: if i == n then end else op (elemAt xs i) (go (i + 1));
    in
    go 0;
  fold = foldr;
  foldl =
    op: start: xs:
    let
      go = i: if i == -1 then start else op (go (i - 1)) (elemAt xs i);
    in
    go (length xs - 1);
  foldl' =
    op: start: xs:
    seq start (builtins.foldl' op start xs);
  imap0 = f: xs: genList (i: f i (elemAt xs i)) (length xs);
  imap1 = f: xs: genList (i: f (i + 1) (elemAt xs i)) (length xs);
  ifilter0 =
    predicate: xs:
    map (elemAt xs) (filter (i: predicate i (elemAt xs i)) (genList (i: i) (length xs)));
  flatten = builtins."<flatten>";
  remove = x: filter (y: y != x);
  findSingle =
    predicate: none: several: xs:
    let
      found = filter predicate xs;
    in
    if found == [ ] then
      none
    else if length found == 1 then
      head found
    else
      several;
  findFirstIndex =
    predicate: default: xs:
    let
      n = length xs;
      go = i: if i == n then default else if predicate (elemAt xs i) then i else go (i + 1);
    in
    go 0;
  findFirst =
    predicate: default: xs:
    let
      index = findFirstIndex predicate null xs;
    in
    if index == null then default else elemAt xs index;
  count = predicate: foldl' (n: x: if predicate x then n + 1 else n) 0;
  optional = condition: x: if condition then [ x ] else [ ];
  optionals = condition: xs: if condition then xs else [ ];
  toList = x: if isList x then x else [ x ];
  range = first: last: if first > last then [ ] else genList (i: first + i) (last - first + 1);
  replicate = n: x: genList (_: x) n;
  groupBy' =
    op: start: key: xs:
    builtins.mapAttrs (_: foldl op start) (groupBy key xs);
  zipListsWith =
    f: xs: ys:
    genList (i: f (elemAt xs i) (elemAt ys i)) (lib.min (length xs) (length ys));
  zipLists = zipListsWith (fst: snd: { inherit fst snd; });
  reverseList =
    xs:
    let
      n = length xs;
    in
    genList (i: elemAt xs (n - i - 1)) n;
  # Goes from an element to whatever comes before it, as far as that leads.
  listDfs =
    stopOnCycles: before: xs:
    let
      go =
        at: visited: rest:
        let
          loops = filter (x: before x at) visited;
          earlier = partition (x: before x at) rest;
        in
        if stopOnCycles && loops != [ ] then
          {
            cycle = at;
            inherit loops visited rest;
          }
        else if earlier.right == [ ] then
          {
            minimal = at;
            inherit visited rest;
          }
        else
          go (head earlier.right) ([ at ] ++ visited) (tail earlier.right ++ earlier.wrong);
    in
    go (head xs) [ ] (tail xs);
  toposort =
    before: xs:
    let
      first = listDfs true before xs;
      rest = toposort before (first.visited ++ first.rest);
    in
    if length xs < 2 then
      { result = xs; }
    else if first ? cycle then
      {
        cycle = reverseList ([ first.cycle ] ++ first.visited);
        inherit (first) loops;
      }
    else if rest ? cycle then
      rest
    else
      { result = [ first.minimal ] ++ rest.result; };
  sortOn =
    key: xs:
    map (pair: elemAt pair 1) (
      sort (a: b: head a < head b) (
        map (x: [
          (key x)
          x
        ]) xs
      )
    );
  compareLists =
    compare: xs: ys:
    if xs == [ ] then
      (if ys == [ ] then 0 else -1)
    else if ys == [ ] then
      1
    else
      let
        order = compare (head xs) (head ys);
      in
      if order == 0 then compareLists compare (tail xs) (tail ys) else order;
  # Numbers within the strings count by their value.
  naturalSort =
    xs:
    let
      pieces =
        text: map (x: if isList x then lib.toInt (head x) else x) (builtins.split "(0|[1-9][0-9]*)" text);
      keyed = map (x: [
        (pieces x)
        x
      ]) xs;
    in
    map (pair: elemAt pair 1) (sort (a: b: compareLists lib.compare (head a) (head b) < 0) keyed);
  take = count: sublist 0 count;
  takeEnd = n: xs: drop (lib.max 0 (length xs - n)) xs;
  drop = count: xs: sublist count (length xs) xs;
  dropEnd = n: xs: take (lib.max 0 (length xs - n)) xs;
  hasPrefix = prefix: xs: take (length prefix) xs == prefix;
  removePrefix =
    prefix: xs:
    if hasPrefix prefix xs then
      drop (length prefix) xs
    else
      throw "lists.removePrefix: the first list does not begin the second";
  sublist =
    start: count: xs:
    let
      n = length xs;
    in
    genList (i: elemAt xs (start + i)) (
      if start >= n then
        0
      else if start + count > n then
        n - start
      else
        count
    );
  commonPrefix =
    xs: ys:
    let
      differs = zipListsWith (x: y: x != y) xs ys;
    in
    take (findFirstIndex lib.id (length differs) differs) xs;
  last =
    xs:
    assert lib.assertMsg (xs != [ ]) "lists.last: list must not be empty!";
    elemAt xs (length xs - 1);
  init =
    xs:
    assert lib.assertMsg (xs != [ ]) "lists.init: list must not be empty!";
    take (length xs - 1) xs;
  crossLists = f: foldl (fs: xs: concatMap (f: map f xs) fs) [ f ];
  unique = builtins."<unique>";
  uniqueStrings = xs: builtins.attrNames (groupBy lib.id xs);
  allUnique = xs: length (unique xs) == length xs;
  intersectLists = xs: filter (y: elem y xs);
  subtractLists = xs: filter (y: !elem y xs);
  mutuallyExclusive = xs: ys: length xs == 0 || !any (y: elem y xs) ys;
  concatAttrValues = set: concatLists (builtins.attrValues set);
  replaceElemAt =
    xs: index: new:
    assert lib.assertMsg (
      index >= 0 && index < length xs
    ) "lists.replaceElemAt: there is no element ${toString index} among ${toString (length xs)}";
    genList (i: if i == index then new else elemAt xs i) (length xs);
}
