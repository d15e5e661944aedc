# Puts nixpkgs' `lib` together from its parts, each a function of the whole, so that `lib.extend`
# reaches every function that another calls.
parts:
let
  build =
    overlays:
    let
      lib =
        builtins."<open>" "this function of nixpkgs' lib" (
          builtins.foldl' (prev: overlay: prev // overlay lib prev) { } overlays
          // {
            extend = overlay: build (overlays ++ [ overlay ]);
          }
        );
    in
    lib;
in
build (map (part: final: _: part final) parts)
