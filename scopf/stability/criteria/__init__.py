"""One file per family of criteria; each names its criteria in the tuple `CRITERIA`."""
