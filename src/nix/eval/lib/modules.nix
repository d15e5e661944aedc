# Wrappers of definitions and declarations of options: what nixpkgs has in lib/modules.nix and lib/options.nix.
lib:
let
  # --- modules ---
  mkOverride = priority: content: {
    _type = "override";
    inherit priority content;
  };
  mkIf = condition: content: {
    _type = "if";
    inherit condition content;
  };
  mkMerge = contents: {
    _type = "merge";
    inherit contents;
  };
  mkOrder = priority: content: {
    _type = "order";
    inherit priority content;
  };
  mkOption = attrs: attrs // { _type = "option"; };
  mkEnableOption =
    name:
    mkOption {
      default = false;
      example = true;
      description = "Whether to enable ${name}.";
      type = types.bool;
    };
  inherit (lib) types;
in
{
  inherit mkOverride mkIf mkMerge mkOrder mkOption mkEnableOption;
  mkForce = mkOverride 50;
  mkVMOverride = mkOverride 10;
  mkImageMediaOverride = mkOverride 60;
  mkDefault = mkOverride 1000;
  mkOptionDefault = mkOverride 1500;
  mkBefore = mkOrder 500;
  mkAfter = mkOrder 1500;
  mkDefinition = definition: definition // { _type = "definition"; };
}
