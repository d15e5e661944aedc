{ clan-core, config, ... }:
{
  networking.domain = config.clan.core.settings.machine.name;
}
