{ flake, inputs, ... }: { level = name: if name == "oak" then 3 else 5; }
