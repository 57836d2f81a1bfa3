"""torch2trt: what it can convert, and running what it converted."""
