{ trees.storage.label = "oak"; }
