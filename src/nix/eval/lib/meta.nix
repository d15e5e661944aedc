# What nixpkgs has in lib/meta.nix (26.11) and does not look into its lists of licenses.
lib: rec {
  addMetaAttrs =
    new: package:
    if package ? overrideAttrs then
      package.overrideAttrs (old: {
        meta = (old.meta or { }) // new;
      })
    else
      package // { meta = (package.meta or { }) // new; };
  dontDistribute = addMetaAttrs { hydraPlatforms = [ ]; };
  setName = name: package: package // { inherit name; };
  updateName = update: package: package // { name = update package.name; };
  appendToName =
    suffix:
    updateName (
      name:
      let
        parsed = builtins.parseDrvName name;
      in
      "${parsed.name}-${suffix}-${parsed.version}"
    );
  mapDerivationAttrset =
    f: builtins.mapAttrs (_: package: if lib.isDerivation package then f package else package);
  defaultPriority = 5;
  setPrio = priority: addMetaAttrs { inherit priority; };
  lowPrio = setPrio 10;
  lowPrioSet = mapDerivationAttrset lowPrio;
  hiPrio = setPrio (-10);
  hiPrioSet = mapDerivationAttrset hiPrio;
  platformMatch =
    platform: pattern:
    if builtins.isString pattern then
      platform ? system && pattern == platform.system
    else
      lib.matchAttrs (if pattern ? parsed then pattern else { parsed = pattern; }) platform;
  availableOn =
    platform: package:
    let
      matches = builtins.any (platformMatch platform);
    in
    (!(package ? meta.platforms) || matches package.meta.platforms)
    && (!(package ? meta.badPlatforms) || !matches package.meta.badPlatforms);
  getExe = package: getExe' package (package.meta.mainProgram or (lib.getName package));
  getExe' =
    package: program:
    assert lib.assertMsg (lib.isDerivation package) "lib.meta.getExe': the first argument is no derivation";
    assert lib.assertMsg (builtins.isString program) "lib.meta.getExe': the second argument is no string";
    assert lib.assertMsg (
      builtins.match ".*/.*" program == null
    ) "lib.meta.getExe': \"${program}\" is a path, and should be a name";
    "${lib.getBin package}/bin/${program}";
  cpeFullVersionWithVendor = vendor: version: {
    inherit vendor version;
    update = "*";
  };
}
