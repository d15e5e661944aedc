{ configuration, specialArgs ? { }, ... }:
(import ../lib).system {
  modules = [ configuration ];
  inherit specialArgs;
}
