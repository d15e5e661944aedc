{ home.stateVersion = "25.11"; }
