throw "a path with an underscore is left out"
