[ "noatime" ]
