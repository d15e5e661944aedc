{ lib, ... }: { fileSystems."/".options = lib.mkBefore [ "ssd" ]; }
