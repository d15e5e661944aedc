{ kind, config, ... }: { fileSystems."/".fsType = kind; }
