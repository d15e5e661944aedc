{ extra, base ? [ "nosuid" ] }: base ++ extra
