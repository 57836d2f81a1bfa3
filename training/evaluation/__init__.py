"""How good models are: pictures, detection, metrics, reports."""
