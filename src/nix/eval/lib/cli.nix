# What nixpkgs has in lib/cli.nix (26.11): sets as the options of a command.
lib:
let
  inherit (builtins)
    concatLists
    concatMap
    isBool
    isList
    stringLength
    ;
  text = lib.generators.mkValueStringDefault { };
in
rec {
  toGNUCommandLineShell = options: set: lib.escapeShellArgs (toGNUCommandLine options set);
  toGNUCommandLine =
    {
      mkOptionName ? name: if stringLength name == 1 then "-${name}" else "--${name}",
      mkBool ? name: value: lib.optional value (mkOptionName name),
      mkList ? name: values: concatMap (mkOption name) values,
      mkOption ?
        name: value:
        if value == null then
          [ ]
        else if optionValueSeparator == null then
          [
            (mkOptionName name)
            (text value)
          ]
        else
          [ "${mkOptionName name}${optionValueSeparator}${text value}" ],
      optionValueSeparator ? null,
    }:
    set:
    let
      render = value: if isBool value then mkBool else if isList value then mkList else mkOption;
    in
    concatLists (lib.mapAttrsToList (name: value: render value name value) set);
  toCommandLineShell = format: set: lib.escapeShellArgs (toCommandLine format set);
  toCommandLineShellGNU = options: set: lib.escapeShellArgs (toCommandLineGNU options set);
  toCommandLineGNU =
    {
      isLong ? name: stringLength name > 1,
      explicitBool ? false,
      formatArg ? text,
    }:
    toCommandLine (name: {
      option = if isLong name then "--${name}" else "-${name}";
      sep = if isLong name then "=" else "";
      inherit explicitBool formatArg;
    });
  toCommandLine =
    format: set:
    let
      one =
        name: value:
        let
          render =
            {
              option,
              sep,
              explicitBool,
              formatArg ? text,
            }:
            if value == null || (!explicitBool && value == false) then
              [ ]
            else if !explicitBool && value == true then
              [ option ]
            else if sep == null then
              [
                option
                (formatArg value)
              ]
            else
              [ "${option}${sep}${formatArg value}" ];
        in
        render (format name);
      all =
        name: value:
        if name == "" then
          abort "lib.cli.toCommandLine only accepts non-empty option names."
        else if isList value then
          concatMap (one name) value
        else
          one name value;
    in
    concatLists (lib.mapAttrsToList all set);
}
