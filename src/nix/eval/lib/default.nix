# Puts nixpkgs' `lib` together from its parts, each a function of the whole, so that `lib.extend`
# reaches every function that another calls. The names stand here as in nixpkgs' lib/default.nix, so
# that a part is read only when something of it is needed.
{ parts, overlays }:
let
  open = name: builtins."<open>" "this function of nixpkgs' lib.${name}";
  namespaces =
    final:
    let
      part = name: file: open name (parts.${file} final);
    in
    {
      asserts = part "asserts" "asserts.nix";
      attrsets = part "attrsets" "attrsets.nix";
      cli = part "cli" "cli.nix";
      customisation = part "customisation" "customisation.nix";
      debug = part "debug" "debug.nix";
      derivations = part "derivations" "derivations.nix";
      filesystem = part "filesystem" "filesystem.nix";
      fileset = part "fileset" "fileset.nix";
      fixedPoints = part "fixedPoints" "fixed-points.nix";
      generators = part "generators" "generators.nix";
      kernel = part "kernel" "kernel.nix";
      lists = part "lists" "lists.nix";
      meta = part "meta" "meta.nix";
      misc = part "misc" "deprecated.nix";
      path = part "path" "path.nix";
      strings = part "strings" "strings.nix";
      stringsWithDeps = part "stringsWithDeps" "strings-with-deps.nix";
      trivial = part "trivial" "trivial.nix";
      versions = part "versions" "versions.nix";
    }
    # Lists of facts that change with each release.
    // builtins.listToAttrs (
      map
        (name: {
          inherit name;
          value = open name { };
        })
        [
          "fetchers"
          "flakes"
          "gvariant"
          "licenses"
          "licensesSpdx"
          "maintainers"
          "network"
          "platforms"
          "services"
          "sourceTypes"
          "sources"
          "systems"
          "teams"
        ]
    );
  functions = final: {
    # Of lib/options.nix; mdDoc and literalExample were there until 24.05.
    literalExpression = text: {
      _type = "literalExpression";
      inherit text;
    };
    literalExample = final.literalExpression;
    literalMD = text: {
      _type = "literalMD";
      inherit text;
    };
    mdDoc = text: text;
    inherit (builtins)
      getContext
      hasContext
      convertHash
      hashString
      parseDrvName
      placeholder
      fromJSON
      fromTOML
      toJSON
      toString
      toXML
      tryEval
      ;
    inherit (final.trivial)
      id
      const
      pipe
      concat
      "or"
      and
      mul
      div
      xor
      bitAnd
      bitOr
      bitXor
      bitNot
      boolToString
      boolToYesNo
      mergeAttrs
      flip
      defaultTo
      mapNullable
      isFloat
      min
      max
      importJSON
      importTOML
      warn
      warnIf
      warnIfNot
      throwIf
      throwIfNot
      checkListOfEnum
      info
      showWarnings
      mod
      compare
      splitByAndCompare
      seq
      deepSeq
      lessThan
      add
      sub
      functionArgs
      setFunctionArgs
      isFunction
      toFunction
      mirrorFunctionArgs
      fromHexString
      toHexString
      toBaseDigits
      isBool
      isInt
      pathExists
      genericClosure
      readFile
      ceil
      floor
      ;
    inherit (final.fixedPoints)
      fix
      fix'
      converge
      extends
      composeExtensions
      composeManyExtensions
      makeExtensible
      makeExtensibleWithCustomName
      toExtension
      ;
    inherit (final.attrsets)
      attrByPath
      hasAttrByPath
      setAttrByPath
      getAttrFromPath
      attrVals
      attrNames
      attrValues
      getAttrs
      catAttrs
      filterAttrs
      filterAttrsRecursive
      foldlAttrs
      foldAttrs
      collect
      nameValuePair
      mapAttrs
      mapAttrs'
      mapAttrsToList
      attrsToList
      concatMapAttrs
      mapAttrsRecursive
      mapAttrsRecursiveCond
      mapAttrsToListRecursive
      mapAttrsToListRecursiveCond
      genAttrs
      genAttrs'
      isDerivation
      optionalAttrs
      zipAttrsWithNames
      zipAttrsWith
      zipAttrs
      recursiveUpdateUntil
      recursiveUpdate
      matchAttrs
      mergeAttrsList
      overrideExisting
      showAttrPath
      getOutput
      getFirstOutput
      getBin
      getLib
      getStatic
      getDev
      getInclude
      getMan
      chooseDevOutputs
      recurseIntoAttrs
      dontRecurseIntoAttrs
      cartesianProduct
      mapCartesianProduct
      updateManyAttrsByPath
      listToAttrs
      hasAttr
      getAttr
      isAttrs
      intersectAttrs
      removeAttrs
      ;
    inherit (final.lists)
      singleton
      forEach
      map
      foldr
      fold
      foldl
      foldl'
      imap0
      imap1
      filter
      ifilter0
      concatMap
      flatten
      remove
      findSingle
      findFirst
      any
      all
      count
      optional
      optionals
      toList
      range
      replicate
      partition
      zipListsWith
      zipLists
      reverseList
      listDfs
      toposort
      sort
      sortOn
      naturalSort
      compareLists
      take
      takeEnd
      drop
      dropEnd
      sublist
      last
      init
      crossLists
      unique
      uniqueStrings
      allUnique
      intersectLists
      subtractLists
      mutuallyExclusive
      groupBy
      groupBy'
      concatLists
      genList
      length
      head
      tail
      elem
      elemAt
      isList
      concatAttrValues
      replaceElemAt
      ;
    inherit (final.strings)
      concatStrings
      concatMapStrings
      concatImapStrings
      stringLength
      substring
      isString
      replaceString
      replaceStrings
      intersperse
      concatStringsSep
      concatMapStringsSep
      concatMapAttrsStringSep
      concatImapStringsSep
      concatLines
      makeSearchPath
      makeSearchPathOutput
      makeLibraryPath
      makeIncludePath
      makeBinPath
      optionalString
      hasInfix
      hasPrefix
      hasSuffix
      join
      stringToCharacters
      stringAsChars
      escape
      escapeShellArg
      escapeShellArgs
      isStorePath
      isStringLike
      isValidPosixName
      toShellVar
      toShellVars
      trim
      trimWith
      escapeRegex
      escapeURL
      escapeXML
      lowerChars
      upperChars
      toLower
      toUpper
      toCamelCase
      toSentenceCase
      typeOf
      addContextFrom
      splitString
      splitStringBy
      removePrefix
      removeSuffix
      versionOlder
      versionAtLeast
      getName
      getVersion
      match
      split
      cmakeOptionType
      cmakeBool
      cmakeFeature
      mesonOption
      mesonBool
      mesonEnable
      nameFromURL
      enableFeature
      enableFeatureAs
      withFeature
      withFeatureAs
      fixedWidthString
      fixedWidthNumber
      toInt
      toIntBase10
      fileContents
      appendContext
      unsafeDiscardStringContext
      ;
    inherit (final.stringsWithDeps)
      textClosureList
      textClosureMap
      noDepEntry
      fullDepEntry
      packEntry
      stringAfter
      ;
    inherit (final.customisation)
      makeOverridable
      callPackageWith
      callPackagesWith
      makeScope
      ;
    inherit (final.derivations)
      optionalDrvAttr
      addDrvOutputDependencies
      unsafeDiscardOutputDependency
      ;
    inherit (final.generators)
      mkLuaInline
      ;
    inherit (final.meta)
      addMetaAttrs
      dontDistribute
      setName
      updateName
      appendToName
      mapDerivationAttrset
      setPrio
      lowPrio
      lowPrioSet
      hiPrio
      hiPrioSet
      getExe
      getExe'
      ;
    inherit (final.filesystem)
      pathType
      pathIsDirectory
      pathIsRegularFile
      baseNameOf
      dirOf
      isPath
      packagesFromDirectoryRecursive
      hashFile
      readDir
      readFileType
      ;
    inherit (final.asserts)
      assertMsg
      assertOneOf
      ;
    inherit (final.debug)
      trace
      traceIf
      traceVal
      traceValFn
      traceSeq
      traceSeqN
      traceValSeq
      traceValSeqFn
      traceValSeqN
      traceValSeqNFn
      traceFnSeqN
      addErrorContext
      unsafeGetAttrPos
      runTests
      testAllTrue
      ;
    inherit (final.misc)
      maybeAttrNullable
      maybeAttr
      ifEnable
      nvs
      setAttr
      setAttrMerge
      mergeAttrsWithFunc
      mergeAttrsConcatenateValues
      fakeHash
      fakeSha256
      fakeSha512
      imap
      ;
    inherit (final.versions)
      compareVersions
      splitVersion
      ;
  };
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
build (map (part: final: _: part final) ([ namespaces functions ] ++ overlays))
