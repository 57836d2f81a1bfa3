"""What the enhancement does, for people to look into: footage or live topics in the viewer Rerun."""
