# What nixpkgs has in lib/debug.nix (26.11): tracing prints, and gives its last argument.
lib:
let
  inherit (builtins) attrNames deepSeq trace;
in
rec {
  inherit (builtins) addErrorContext trace unsafeGetAttrPos;
  traceIf =
    condition: message: value:
    if condition then trace message value else value;
  traceValFn = f: value: trace (f value) value;
  traceVal = traceValFn lib.id;
  traceSeq = value: trace (deepSeq value value);
  # What is printed to a depth is forced to that depth, or it could not fail here.
  traceSeqN =
    depth: value:
    let
      cut = v: if builtins.isList v || builtins.isAttrs v then null else v;
      to =
        n: v:
        if n == 0 then
          cut v
        else if builtins.isList v then
          map (to (n - 1)) v
        else if builtins.isAttrs v then
          builtins.mapAttrs (_: to (n - 1)) v
        else
          v;
      shown = to depth value;
    in
    trace (deepSeq shown shown);
  traceValSeqFn = f: value: traceValFn f (deepSeq value value);
  traceValSeq = traceValSeqFn lib.id;
  traceValSeqNFn =
    f: depth: value:
    traceSeqN depth (f value) value;
  traceValSeqN = traceValSeqNFn lib.id;
  traceFnSeqN =
    depth: name: f: argument:
    let
      result = f argument;
    in
    traceSeqN (depth + 1) {
      fn = name;
      from = argument;
      to = result;
    } result;
  runTests =
    tests:
    let
      chosen = tests.tests or [ ];
      isRun =
        name:
        (builtins.substring 0 4 name == "test" || builtins.elem name chosen)
        && (chosen == [ ] || builtins.elem name chosen);
      failure =
        name:
        let
          test = tests.${name};
        in
        lib.optional (isRun name && test.expr != test.expected) {
          inherit name;
          inherit (test) expected;
          result = test.expr;
        };
    in
    builtins.concatMap failure (attrNames tests);
  testAllTrue = expr: {
    inherit expr;
    expected = map (_: true) expr;
  };
}
