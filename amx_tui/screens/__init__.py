"""One file a screen, its stylesheet beside it. Screens look at the rooms below and give orders."""
