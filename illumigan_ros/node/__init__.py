"""The live node: topics in, topics out."""
