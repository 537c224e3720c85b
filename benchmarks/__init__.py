"""How fast the program is, as ratios to a bare loop and to what people would otherwise use."""
