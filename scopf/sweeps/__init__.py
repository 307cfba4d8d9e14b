"""Many scenarios of one study: run, stored, reported."""
