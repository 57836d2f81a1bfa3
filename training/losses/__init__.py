"""The terms of a training's loss and the networks that they need."""
