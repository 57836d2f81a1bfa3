"""The rendered night drive, whose truth is known."""
