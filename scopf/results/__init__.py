"""Results of a solve: tables, prices, accuracy, text and files."""
