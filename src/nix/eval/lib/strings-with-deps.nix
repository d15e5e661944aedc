# What nixpkgs has in lib/strings-with-deps.nix (26.11): texts that come after others.
lib: rec {
  textClosureList =
    predefined: entries:
    let
      go =
        done: todo:
        if todo == [ ] then
          {
            result = [ ];
            inherit done;
          }
        else
          let
            entry = builtins.head todo;
            rest = builtins.tail todo;
            before = go done entry.deps;
            after = go before.done rest;
          in
          if builtins.isAttrs entry then
            {
              result = before.result ++ [ entry.text ] ++ after.result;
              inherit (after) done;
            }
          else if done ? ${entry} then
            go done rest
          else
            go (done // { ${entry} = 1; }) ([ predefined.${entry} ] ++ rest);
    in
    (go { } entries).result;
  textClosureMap =
    f: predefined: names:
    lib.concatMapStringsSep "\n" f (textClosureList predefined names);
  fullDepEntry = text: deps: { inherit text deps; };
  noDepEntry = text: fullDepEntry text [ ];
  packEntry = fullDepEntry "";
  stringAfter = deps: text: { inherit text deps; };
}
