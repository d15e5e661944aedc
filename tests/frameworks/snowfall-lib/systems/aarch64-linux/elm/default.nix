{ host, ... }: { trees.storage.label = host; }
