{ level }:
{ pkgs, ... }:
{
  environment.order = [ "applied-${toString level}" ];
  environment.systemPackages = with pkgs; [ git (hello.override { debug = true; }) ];
  services.same = { text = "same"; flag = true; };
}
